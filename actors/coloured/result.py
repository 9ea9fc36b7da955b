"""What an attention came to: accuracy, per scale of the digit, and how much of it lies where it should."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.coloured.dataset import Pair
from pipeline.benchmarks.coloured.law import BIN, SCALES


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyResult:
    """On one split."""

    num_pairs: int
    """Pairs of it."""
    accuracy: float
    """Share of right answers."""
    by_scale: tuple[float | None, ...]
    """The same for digits of scales (0.5, 1], (1, 1.5], ... (2.5, 3]; None: there are none."""
    pairs_by_scale: tuple[int, ...]
    """Pairs of each."""
    on_ink: float | None
    """Mean share of the attention on the ink of the digit in question; None without attention."""
    in_box: float | None
    """The same for its box. The paper does not say which it means."""


def result_of(
    pairs: Sequence[Pair],
    right: Sequence[NDArray[np.bool_]],
    on_ink: Sequence[NDArray[np.float32]],
    in_box: Sequence[NDArray[np.float32]],
) -> ToyResult:
    """From batches of answers, in the order of the pairs."""
    hits = np.concatenate(right)
    bins = np.array([scale_bin(pair.scale) for pair in pairs])
    count = round((SCALES[1] - SCALES[0]) / BIN)
    parts = [hits[bins == one] for one in range(count)]
    return ToyResult(
        num_pairs=len(pairs),
        accuracy=float(hits.mean()),
        by_scale=tuple(float(part.mean()) if len(part) else None for part in parts),
        pairs_by_scale=tuple(len(part) for part in parts),
        on_ink=float(np.concatenate(on_ink).mean()) if on_ink else None,
        in_box=float(np.concatenate(in_box).mean()) if in_box else None,
    )


def scale_bin(scale: float) -> int:
    """Which of the bins (0.5, 1], (1, 1.5], ... a scale lies in; 0.5 itself belongs to the first."""
    return max(0, math.ceil((scale - SCALES[0]) / BIN) - 1)
