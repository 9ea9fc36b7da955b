"""A layer painted over an image as a whole: the values of its patches on a small grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.evidence.layer import Layer, Patch
from pipeline.images.region import Region

MAP_PX = 224
"""Longer side of the grid."""
MIN_SIDE = 3
"""Least squares of the grid that a patch is drawn across: a look at the finest pixels of a gigapixel image is far
smaller than one of them, and nobody would see it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeatMap:
    """Values over a whole image."""

    values: NDArray[np.float32]
    """(rows, columns); NaN where nothing is said."""

    @property
    def largest(self) -> float:
        """Absolute value that is furthest from 0; 0.0 where nothing is said at all."""
        said = np.abs(self.values[~np.isnan(self.values)])
        return float(said.max()) if said.size else 0.0


_Said: TypeAlias = tuple[Patch, tuple[slice, slice]]
"""A patch, and the rows and columns of the grid that it is drawn on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """The grid over an image."""

    height_px: int
    """Level-0 rows of the image."""
    width_px: int
    """Level-0 columns of the image."""
    rows: int
    """Rows of squares."""
    cols: int
    """Columns of squares."""

    def box(self, region: Region) -> tuple[slice, slice] | None:
        """Squares that a region touches, or `MIN_SIDE` of them about its centre; None outside of the image."""
        inside = region.clipped(self.height_px, self.width_px)
        if inside is None:
            return None
        return (
            _touched(inside.y, inside.height, self.height_px, self.rows),
            _touched(inside.x, inside.width, self.width_px, self.cols),
        )

    def sampled(self, patch: Patch, box: tuple[slice, slice]) -> NDArray[np.float32]:
        """The patch's values under the centres of squares; beyond its border those at the border."""
        m, n = patch.values.shape
        at_y = _nearest(box[0], self.height_px / self.rows, patch.region.y, patch.region.height, m)
        at_x = _nearest(box[1], self.width_px / self.cols, patch.region.x, patch.region.width, n)
        return patch.values[np.ix_(at_y, at_x)]


def painted(layer: Layer, height_px: int, width_px: int, longest: int = MAP_PX) -> HeatMap:
    """The layer over an image of `height_px` x `width_px`, on a grid whose longer side is `longest`."""
    scale = longest / max(height_px, width_px)
    canvas = _Canvas(
        height_px=height_px,
        width_px=width_px,
        rows=max(1, round(height_px * scale)),
        cols=max(1, round(width_px * scale)),
    )
    said = [
        (patch, box) for patch in layer.patches if (box := canvas.box(patch.region)) is not None
    ]
    if layer.method.rule == "finest":
        return HeatMap(values=_finest(canvas, said))
    return HeatMap(values=_summed(canvas, said))


def _summed(canvas: _Canvas, said: Sequence[_Said]) -> NDArray[np.float32]:
    """(rows, columns) sums over all patches."""
    total = np.zeros((canvas.rows, canvas.cols))
    is_said = np.zeros((canvas.rows, canvas.cols), bool)
    for patch, box in said:
        total[box] += canvas.sampled(patch, box)
        is_said[box] = True
    return np.where(is_said, total, np.nan).astype(np.float32)


def _finest(canvas: _Canvas, said: Sequence[_Said]) -> NDArray[np.float32]:
    """(rows, columns) the largest value of the deepest patches."""
    shown = np.full((canvas.rows, canvas.cols), np.nan, np.float32)
    depths = np.full((canvas.rows, canvas.cols), -1)
    for patch, box in sorted(said, key=lambda one: one[0].depth):
        values, below = canvas.sampled(patch, box), depths[box] < patch.depth
        shown[box] = np.where(below, values, np.fmax(shown[box], values))
        depths[box] = patch.depth
    return shown


def _touched(start_px: int, side_px: int, image_px: int, squares: int) -> slice:
    """Squares along one axis."""
    first = start_px * squares // image_px
    last = -(-(start_px + side_px) * squares // image_px)
    least = min(MIN_SIDE, squares)
    if last - first < least:
        centre = (start_px + side_px / 2) * squares / image_px
        first = min(max(math.floor(centre - least / 2 + 0.5), 0), squares - least)
        last = first + least
    return slice(first, last)


def _nearest(
    squares: slice, square_px: float, start_px: int, side_px: int, count: int
) -> NDArray[np.intp]:
    """Which of `count` values spread over a side lies under the centre of each square."""
    centres = (np.arange(squares.start, squares.stop) + 0.5) * square_px  # level-0 pixels
    found = np.floor((centres - start_px) / side_px * count).astype(np.intp)
    return np.clip(found, 0, count - 1)
