"""What the network is shown: a region of level 0, at the network's own size. Plan, then read.

The plan is arithmetic on a `Pyramid`: the coarsest level that still has enough pixels, a box on it, its
tiles. Reading assembles the box and shrinks it by area means: shrinking without them loses 46 % of small
objects at 1/16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TileReadError
from pipeline.images.canvas import Canvas
from pipeline.images.input_spec import LUMA, BandFit
from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.resample import shrink_rows, to_size
from pipeline.images.tile import TileKey
from pipeline.images.tile_reader import TileReader

LEVEL_TOLERANCE = 1.05
"""A level may be this much coarser than the window: odd sizes round, 2.0 is stored as 2.0003."""
MAX_FAILED_FRACTION = 0.25
"""A window with more of its pixels unreadable than this is no look at all."""
MAX_CANVAS_PX = 4096 * 4096
"""A larger box is assembled and shrunk strip by strip, so that memory does not grow with the image."""
MAX_FALLBACK_PX = 4 * MAX_CANVAS_PX
"""Where a coarse level is broken, a finer one stands in, up to this many pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """Where the pixels of a window come from."""

    level: int
    """Level to read; 0 is the finest."""
    box: Region
    """Pixels of that level; may stick out of the image."""
    tiles: tuple[TileKey, ...]
    """Stored tiles that hold the box, row by row."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """Pixels as the network takes them."""

    pixels: NDArray[np.float32]
    """(C, base, base), values 0.0 to 1.0."""
    plan: WindowPlan
    """Where they came from."""
    failed_tiles: tuple[TileKey, ...]
    """Tiles that could not be read; their pixels show the background."""


def plan_window(pyramid: Pyramid, region: Region, base_px: int) -> WindowPlan:
    """The best level for `region` (level-0 pixels), the box on it, and its tiles."""
    return plan_on_level(pyramid, region, base_px, level_for(pyramid, region, base_px))


def level_for(pyramid: Pyramid, region: Region, base_px: int) -> int:
    """The coarsest level with at least `base_px` pixels across `region` (level-0 pixels)."""
    fitting = [
        index
        for index, level in enumerate(pyramid.levels)
        if level.downsample_y * base_px <= region.height * LEVEL_TOLERANCE
        and level.downsample_x * base_px <= region.width * LEVEL_TOLERANCE
    ]
    return max(fitting, default=0)


def plan_on_level(pyramid: Pyramid, region: Region, base_px: int, index: int) -> WindowPlan:
    """The box of `region` (level-0 pixels) on one level, and its tiles."""
    level = pyramid.levels[index]
    height = _side(region.height / level.downsample_y, base_px)
    width = _side(region.width / level.downsample_x, base_px)
    y, x = round(region.y / level.downsample_y), round(region.x / level.downsample_x)
    box = Region(y, x, height, width)
    return WindowPlan(level=index, box=box, tiles=pyramid.tiles_in(index, box))


def _side(side_px: float, base_px: int) -> int:
    """Rounded; a box within a pixel of the window's own size is that size, and needs no resampling."""
    rounded = max(1, round(side_px))
    return base_px if abs(rounded - base_px) <= 1 else rounded


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowReader:
    """Shows regions of one image to one model. Safe to use from many threads."""

    tiles: TileReader
    """The image."""
    fit: BandFit
    """Which of its bands, on which scale."""
    base_px: int
    """Side of a window."""
    background: float
    """Value (0 to 1) where there are no pixels."""

    def read(self, region: Region) -> Window:
        """The window of `region` (level-0 pixels).

        Raises:
            TileReadError: if more than a quarter of it cannot be read, on this level or a finer one.
        """
        pyramid = self.tiles.source.pyramid
        plan = plan_window(pyramid, region, self.base_px)
        while True:
            try:
                return self._read_plan(plan)
            except TileReadError:
                if plan.level == 0:
                    raise
                finer = plan_on_level(pyramid, region, self.base_px, plan.level - 1)
                if finer.box.area > MAX_FALLBACK_PX:
                    raise
                plan = finer

    def _read_plan(self, plan: WindowPlan) -> Window:
        failed: list[TileKey] = []
        failed_px = 0
        parts = []
        for strip in _strips(plan.box, self.base_px):
            canvas = Canvas.read(self.tiles, plan.level, strip.box, self.fit)
            failed.extend(canvas.failed_tiles)
            failed_px += canvas.failed_px
            self._refuse_broken(plan, failed_px, canvas.error)
            parts.append(self._shrunk(canvas, strip))
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)  # (base, base, C)
        pixels = np.ascontiguousarray(np.moveaxis(values, 2, 0))  # (C, base, base)
        return Window(pixels=pixels, plan=plan, failed_tiles=tuple(dict.fromkeys(failed)))

    def _refuse_broken(self, plan: WindowPlan, failed_px: int, error: TileReadError | None) -> None:
        level = self.tiles.source.pyramid.levels[plan.level]
        inside = plan.box.clipped(level.height, level.width)
        if error is not None and inside and failed_px > MAX_FAILED_FRACTION * inside.area:
            raise error

    def _shrunk(self, canvas: Canvas, strip: _Strip) -> NDArray[np.float32]:
        """(rows, base, C) values 0 to 1."""
        if canvas.valid is None:
            return self._scaled(self._resampled(canvas.pixels, strip))
        if not canvas.valid.any():  # as most windows of a sparse image
            return self._empty(strip)
        valid = canvas.valid[:, :, None]  # (h, w, 1)
        weight = self._means(valid.view(np.uint8), strip)
        total = self._means(np.where(valid, canvas.pixels, 0), strip)
        mean = total / np.maximum(weight, np.finfo(np.float32).tiny)
        shown = self._scaled(mean)
        return np.where(weight > 1e-6, shown, np.float32(self.background))

    def _empty(self, strip: _Strip) -> NDArray[np.float32]:
        """(rows, base, C) of a strip in which nothing means anything."""
        num_rows = self.base_px if strip.is_whole else len(strip.weights)
        return np.full((num_rows, self.base_px, self.fit.num_bands), self.background, np.float32)

    def _resampled(self, pixels: NDArray[np.generic], strip: _Strip) -> NDArray[np.generic]:
        if strip.is_whole:
            return to_size(pixels, self.base_px, self.base_px)
        return shrink_rows(pixels, strip.weights, self.base_px)

    def _means(self, pixels: NDArray[np.generic], strip: _Strip) -> NDArray[np.float32]:
        """Resampled, not rounded to the stored dtype."""
        # Strips become floats a block at a time.
        exact = pixels.astype(np.float32) if strip.is_whole else pixels
        return self._resampled(exact, strip).astype(np.float32, copy=False)

    def _scaled(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Stored values to 0..1, and three colours to luma where the model wants that."""
        low, high = self.fit.low, self.fit.high
        values = (pixels.astype(np.float32) - np.float32(low)) * np.float32(1 / (high - low))
        np.clip(values, 0.0, 1.0, out=values)
        if self.fit.is_mixed:
            values = values @ np.asarray(LUMA, np.float32)[:, None]  # (h, w, 1)
        return values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Strip:
    """Some rows of the output, and the rows of the box that they are the mean of."""

    box: Region
    """Rows to read."""
    weights: NDArray[np.float32]
    """(output rows, rows to read): share of each row read in each row shown."""
    is_whole: bool
    """True: the one strip of a box that is small enough to be resampled at once."""


def _strips(box: Region, base_px: int) -> list[_Strip]:
    """The box cut into strips of at most `MAX_CANVAS_PX`, on borders of output rows."""
    if box.area <= MAX_CANVAS_PX:
        return [_Strip(box=box, weights=np.empty((0, 0), np.float32), is_whole=True)]
    scale = box.height / base_px
    rows_each = max(1, int(MAX_CANVAS_PX / (box.width * scale)))
    strips = []
    for first in range(0, base_px, rows_each):
        last = min(first + rows_each, base_px)
        top, bottom = int(first * scale), min(box.height, int(np.ceil(last * scale)))
        strips.append(
            _Strip(
                box=Region(box.y + top, box.x, bottom - top, box.width),
                weights=_row_weights(first, last, scale, range(top, bottom)),
                is_whole=False,
            )
        )
    return strips


def _row_weights(first: int, last: int, scale: float, rows: range) -> NDArray[np.float32]:
    """How much of each row read lies in each row shown, summing to 1 per row shown."""
    shown = np.arange(first, last, dtype=np.float64)[:, None] * scale  # (output rows, 1)
    read = np.arange(rows.start, rows.stop, dtype=np.float64)[None]  # (1, rows to read)
    overlap = np.minimum(read + 1, shown + scale) - np.maximum(read, shown)
    share: NDArray[np.float64] = np.clip(overlap, 0, None) / scale
    return share.astype(np.float32)
