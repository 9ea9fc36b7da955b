"""What the network is shown: a region of level 0, at the network's own size. Planned, then read.

Reading assembles a box of a level and shrinks it by area means: shrinking without them loses 46 % of small
objects at 1/16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TileReadError
from pipeline.images.canvas import Canvas
from pipeline.images.input_spec import LUMA, BandFit
from pipeline.images.region import Region
from pipeline.images.resample import shrink_rows, to_size
from pipeline.images.strip import MAX_CANVAS_PX, Strip, strips_of
from pipeline.images.tile import TileKey
from pipeline.images.tile_reader import TileReader
from pipeline.images.window_plan import WindowPlan, plan_on_level, plan_window

MAX_FAILED_FRACTION = 0.25
"""A window with more of its pixels unreadable than this is no look at all."""
MAX_FALLBACK_PX = 4 * MAX_CANVAS_PX
"""Where a coarse level is broken, a finer one stands in, up to this many pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """Pixels as the network takes them."""

    pixels: NDArray[np.float32]
    """(C, base, base), values 0.0 to 1.0."""
    plan: WindowPlan
    """Where they came from."""
    failed_tiles: tuple[TileKey, ...]
    """Tiles that could not be read; their pixels show the background."""


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
        for strip in strips_of(plan.box, self.base_px):
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

    def _shrunk(self, canvas: Canvas, strip: Strip) -> NDArray[np.float32]:
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

    def _empty(self, strip: Strip) -> NDArray[np.float32]:
        """(rows, base, C) of a strip in which nothing means anything."""
        num_rows = self.base_px if strip.is_whole else len(strip.weights)
        return np.full((num_rows, self.base_px, self.fit.num_bands), self.background, np.float32)

    def _resampled(self, pixels: NDArray[np.generic], strip: Strip) -> NDArray[np.generic]:
        if strip.is_whole:
            return to_size(pixels, self.base_px, self.base_px)
        return shrink_rows(pixels, strip.weights, self.base_px)

    def _means(self, pixels: NDArray[np.generic], strip: Strip) -> NDArray[np.float32]:
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
