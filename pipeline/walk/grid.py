"""The candidate cells of a look: an n x n grid of overlapping regions, by the integer rules of the paper's code."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.images.region import Region


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of `cell_fraction` of the parent's side, spread evenly over it.

    Source: TNet paper, section 3.1 and figure 4; the rounding is that of the authors' code.
    """

    num_per_side: int
    """n: cells per side; 1 or more."""
    cell_fraction: float
    """Side of a cell as a fraction of its parent's side, above 0 and at most 1."""

    def spread(self, side: int) -> tuple[int, tuple[int, ...]]:
        """Side of a cell, and the first pixel of each, along one axis of a region of `side` pixels.

        Outer cells may stick out by a few pixels.
        """
        cell = max(1, int(side * self.cell_fraction + 0.5))
        if self.num_per_side == 1:
            return cell, ((side - cell) // 2,)
        gaps = self.num_per_side - 1
        stride = -(-(side - cell) // gaps)
        surplus = cell + stride * gaps - side
        before = -(-surplus // 2)
        return cell, tuple(i * stride - before for i in range(self.num_per_side))


def grown(region: Region, height: int, width: int) -> Region:
    """The region about its own centre, at least `height` x `width` pixels.

    A cell finer than the finest look would only be enlarged pixels; it shows more surroundings instead.
    """
    tall, wide = max(region.height, height), max(region.width, width)
    return Region(
        region.y - (tall - region.height) // 2, region.x - (wide - region.width) // 2, tall, wide
    )


def moved_inside(region: Region, height: int, width: int) -> Region:
    """The region shifted into an image of `height` x `width`, as far as it fits."""
    return Region(
        _inside(region.y, region.height, height),
        _inside(region.x, region.width, width),
        region.height,
        region.width,
    )


def _inside(start: int, side: int, limit: int) -> int:
    return max(min(start, limit - side), 0) if side <= limit else start
