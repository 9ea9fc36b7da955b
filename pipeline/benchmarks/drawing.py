"""Scenes as pixels: the region of a level that is asked for, and no more, so that a canvas may be of any size."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.digits import Digits
from pipeline.benchmarks.layer import Layer
from pipeline.benchmarks.scene import Scene
from pipeline.images.region import Region
from pipeline.images.resample import to_size

Pixels = NDArray[np.uint8]
GRAIN_PX = 2048
"""Side after which grain repeats."""
GRAIN_PEAK = 60
"""About the brightest value of grain; strokes are 200 and more."""
GRAIN_STEP = 4
"""Distance of its values; fewer of them make smaller files."""
GLOW = 60
"""What a settlement adds to grain: brighter than all around it, darker than strokes."""


@cache
def _grain() -> Pixels:
    """(GRAIN_PX, GRAIN_PX) a faint texture that repeats without a seam."""
    rng = np.random.default_rng(0)
    total = np.zeros((GRAIN_PX, GRAIN_PX))
    for step in (8, 32, 128):
        coarse = rng.random((GRAIN_PX // step, GRAIN_PX // step)).astype(np.float32)
        wrapped = np.pad(coarse, 2, mode="wrap")
        fine = cv2.resize(wrapped, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += fine[2 * step : -2 * step, 2 * step : -2 * step]
    steps = np.clip(np.round(total * (GRAIN_PEAK / 3 / GRAIN_STEP)), 0, 255 // GRAIN_STEP)
    return (steps * GRAIN_STEP).astype(np.uint8)


class SceneDrawing:
    """One scene with the pictures of its digits.

    Args:
        scene: the plan.
        digits: the split that its sources are indices of.
    """

    def __init__(self, scene: Scene, digits: Digits) -> None:
        self.scene = scene
        numerals = Layer(
            pictures=np.stack(
                [sized(digits.images[one.source], scene.law.digit_px) for one in scene.digits]
            ),
            chosen=np.arange(len(scene.digits)),
            corners=np.array([(one.y_px, one.x_px) for one in scene.digits]),
        )
        is_ips = scene.law.order == "ips"
        self._layers = [scene.strewn, numerals] if is_ips else [numerals, scene.strewn]

    @property
    def regions(self) -> list[Region]:
        """Where something lies, level-0 pixels; black everywhere else."""
        side = self.scene.law.canvas_px
        if self.scene.law.background == "grain":
            return [Region(0, 0, side, side)]
        return [*self.scene.settlements, *(one for layer in self._layers for one in layer.regions)]

    def draw(self, region: Region) -> Pixels:
        """(height, width) level-0 pixels of a region.

        On black, what is pasted later covers what lies there, its own black included, as published; on grain and
        in settlements the brighter pixel stays.
        """
        canvas = self._background(region)
        is_black = self.scene.law.background == "black" and not self.scene.settlements
        for layer in self._layers:
            for shared, part in layer.within(region):
                y, x = shared.y - region.y, shared.x - region.x
                under = canvas[y : y + shared.height, x : x + shared.width]
                under[:] = part if is_black else np.maximum(under, part)
        return canvas

    def _background(self, region: Region) -> Pixels:
        canvas = np.zeros((region.height, region.width), np.uint8)
        side = self.scene.law.canvas_px
        if self.scene.law.background == "grain":
            self._lay(canvas, region, Region(0, 0, side, side), 0)
        for settlement in self.scene.settlements:
            self._lay(canvas, region, settlement, GLOW)
        return canvas

    def _lay(self, canvas: Pixels, region: Region, where: Region, glow: int) -> None:
        """Grain onto the canvas of a region, inside `where` only."""
        inside = region.intersection(where)
        if inside is None:
            return
        y, x = self.scene.grain_at
        rows = np.arange(inside.y + y, inside.bottom + y) % GRAIN_PX
        cols = np.arange(inside.x + x, inside.right + x) % GRAIN_PX
        grain = _grain()[np.ix_(rows, cols)]
        top, left = inside.y - region.y, inside.x - region.x
        canvas[top : top + inside.height, left : left + inside.width] = grain + np.uint8(glow)


def sized(picture: Pixels, side: int) -> Pixels:
    """(side, side): area means where it shrinks, cubic where it grows."""
    if picture.shape == (side, side):
        return picture
    kind = cv2.INTER_AREA if side < picture.shape[0] else cv2.INTER_CUBIC
    values = cv2.resize(picture.astype(np.float32), (side, side), interpolation=kind)
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def halved(pixels: Pixels) -> Pixels:
    """(H, W) of even sides to (H / 2, W / 2) by 2 x 2 means, rounded half up."""
    h, w = pixels.shape
    means: Pixels = to_size(pixels[:, :, None], h // 2, w // 2)[:, :, 0].astype(
        np.uint8, copy=False
    )
    return means
