"""Where on a level: an integer box. Together with `grid` and `window`, all coordinate arithmetic lives here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A box of pixels, half-open: rows [y, y + height), columns [x, x + width).

    A region may stick out of its image (a grid's outer cells do, by a pixel or two); `clipped` cuts it.

    Raises:
        ValueError: if the height or the width is not positive.
    """

    y: int
    """First row, in pixels."""
    x: int
    """First column, in pixels."""
    height: int
    """Rows, in pixels; at least 1."""
    width: int
    """Columns, in pixels; at least 1."""

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a region needs at least one pixel, got {self.height} x {self.width}")

    @property
    def bottom(self) -> int:
        """First row below the region."""
        return self.y + self.height

    @property
    def right(self) -> int:
        """First column right of the region."""
        return self.x + self.width

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    def intersection(self, other: Region) -> Region | None:
        """The pixels in both, or None when there are none."""
        y, x = max(self.y, other.y), max(self.x, other.x)
        height, width = min(self.bottom, other.bottom) - y, min(self.right, other.right) - x
        if height < 1 or width < 1:
            return None
        return Region(y, x, height, width)

    def clipped(self, height: int, width: int) -> Region | None:
        """The part inside an image of `height` x `width` pixels, or None when it lies outside."""
        return self.intersection(Region(0, 0, height, width))

    def overlap(self, other: Region) -> float:
        """Shared pixels as a fraction (0 to 1) of the smaller of the two."""
        shared = self.intersection(other)
        return 0.0 if shared is None else shared.area / min(self.area, other.area)
