"""Cells along one axis of the image: regions are products of two, so rows and columns are reckoned apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.walk.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Spans of one length, in level-0 pixels; what `grid` does to a region, done to all of them."""

    starts: NDArray[np.int64]
    """(N,) first pixel of each."""
    side: int
    """Pixels of each."""

    @staticmethod
    def of(start: int, side: int) -> Axis:
        """A single span."""
        return Axis(np.array([start], np.int64), side)

    def divided(self, grid: Grid) -> Axis:
        """The n cells of each, one span after the other."""
        side, offsets = grid.spread(self.side)
        return Axis((self.starts[:, None] + np.array(offsets)).ravel(), side)  # (N, n) to (N n,)

    def grown(self, side: int) -> Axis:
        """At least `side` long, each about its own centre."""
        longer = max(self.side, side)
        return Axis(self.starts - (longer - self.side) // 2, longer)

    def moved_inside(self, limit: int) -> Axis:
        """Shifted into the first `limit` pixels, if they fit."""
        return Axis(starts_inside(self.starts, self.side, limit), self.side)


def starts_inside(
    starts: NDArray[np.int64], sides: NDArray[np.int64] | int, limits: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """First pixels of spans of `sides`, shifted into the first `limits` pixels where they fit; all broadcast."""
    room = np.asarray(limits - sides)
    return np.where(room >= 0, np.clip(starts, 0, np.maximum(room, 0)), starts)
