"""Who says, where looks are not classify's own, which cells of a look are worth one of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.walk.glimpse import Position


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookScores:
    """What to do after some looks. Larger is better."""

    cells: NDArray[np.float32]
    """(B, G) log-probabilities of their cells, or the like."""
    levels: NDArray[np.float32]
    """(B, J) the same of the depths below them; J is 0 where the next one is taken."""


class CellScorer(Protocol):
    """Says which cells of a look are worth one of their own."""

    def score(
        self,
        windows: Sequence[NDArray[np.float32]],
        positions: Sequence[Position],
        downsamples: Sequence[float],
    ) -> LookScores:
        """Scores of the cells of some looks, as the network sees them.

        Args:
            windows: (C, base, base) each, values 0 to 1.
            positions: where in the tree of looks each is.
            downsamples: level-0 pixels per window pixel of each.
        """
