"""Pairs of image and question, gathered for one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.benchmarks.coloured.dataset import ColouredData, Pair


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ToyBatch:
    """Some pairs, on the device."""

    images: Tensor
    """(B, 3, side, side) values 0 to 1."""
    queries: Tensor
    """(B,)."""
    labels: Tensor
    """(B,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """Where the attention of a batch should lie, which only tests ask."""

    ink: Tensor
    """(B, side, side) bool, the ink of the digit in question."""
    box: Tensor
    """(B, side, side) bool, its box."""


def batch_of(data: ColouredData, pairs: Sequence[Pair], device: torch.device) -> ToyBatch:
    """Gather what pairs point at."""
    images: NDArray[np.uint8] = np.asarray(data.images[_images_of(pairs)])  # (B, side, side, 3)
    # (B, 3, side, side), channels last
    pixels = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
    return ToyBatch(
        images=pixels.to(torch.float32) / 255,
        queries=torch.tensor([pair.query for pair in pairs], device=device),
        labels=torch.tensor([pair.label for pair in pairs], device=device),
    )


def targets_of(data: ColouredData, pairs: Sequence[Pair], device: torch.device) -> Targets:
    """Gather where the digits in question lie."""
    owners: NDArray[np.uint8] = np.asarray(data.owners[_images_of(pairs)])  # (B, side, side)
    mine = np.array([pair.owner for pair in pairs], np.uint8)
    box = np.zeros(owners.shape, np.bool_)
    for row, pair in enumerate(pairs):
        box[row, pair.y_px : pair.y_px + pair.side_px, pair.x_px : pair.x_px + pair.side_px] = True
    ink = torch.from_numpy(owners == mine[:, None, None])
    return Targets(ink=ink.to(device), box=torch.from_numpy(box).to(device))


def _images_of(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    return np.array([pair.image for pair in pairs], np.int64)
