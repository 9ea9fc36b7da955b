"""Squares of one size, pasted one after another: the digits of a scene, or its noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """Held as arrays: a scene may have a thousand squares, an archive thousands of scenes."""

    pictures: NDArray[np.uint8]
    """(P, side, side) what there is to paste."""
    chosen: NDArray[np.int64]
    """(N,) which of them each square shows."""
    corners: NDArray[np.int64]
    """(N, 2) first row and first column of each, in the order in which they are pasted."""

    @property
    def regions(self) -> list[Region]:
        """Where the squares lie, level-0 pixels."""
        side = self.pictures.shape[1]
        return [Region(y, x, side, side) for y, x in self.corners.tolist()]

    def within(self, region: Region) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
        """What squares show of a region, in order: where each shares pixels with it, and these pixels."""
        side = self.pictures.shape[1]
        first = np.array((region.y - side, region.x - side))
        is_near = (self.corners > first) & (self.corners < (region.bottom, region.right))  # (N, 2)
        for index in np.flatnonzero(is_near.all(axis=1)):
            y, x = self.corners[index].tolist()
            shared = region.intersection(Region(y, x, side, side))
            if shared is not None:
                rows = slice(shared.y - y, shared.bottom - y)
                cols = slice(shared.x - x, shared.right - x)
                yield shared, self.pictures[self.chosen[index], rows, cols]
