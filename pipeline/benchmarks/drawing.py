"""Scenes as pixels: the region of a level that is asked for, and no more, so that a canvas may be of any size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.digits import Digits
from pipeline.benchmarks.scene import Scene
from pipeline.images.region import Region

Pixels = NDArray[np.uint8]


class SceneDrawing:
    """One scene with the pictures of its digits.

    Args:
        scene: the plan.
        digits: the split that its sources are indices of.
    """

    def __init__(self, scene: Scene, digits: Digits) -> None:
        side, noise_px = scene.law.digit_px, scene.law.noise_px
        numerals = [
            (Region(one.y_px, one.x_px, side, side), sized(digits.images[one.source], side))
            for one in scene.digits
        ]
        noise = [
            (Region(one.y_px, one.x_px, noise_px, noise_px), scene.patterns[one.pattern])
            for one in scene.noise
        ]
        is_ips = scene.law.order == "ips"
        self._things = [*noise, *numerals] if is_ips else [*numerals, *noise]

    @property
    def regions(self) -> list[Region]:
        """Where something lies, level-0 pixels; black everywhere else."""
        return [region for region, _ in self._things]

    def draw(self, region: Region) -> Pixels:
        """(height, width) level-0 pixels of a region. What is pasted later covers what lies there, black included."""
        canvas = np.zeros((region.height, region.width), np.uint8)
        for where, picture in self._things:
            shared = region.intersection(where)
            if shared is not None:
                rows, cols = slice(shared.y - where.y, None), slice(shared.x - where.x, None)
                part = picture[rows, cols][: shared.height, : shared.width]
                y, x = shared.y - region.y, shared.x - region.x
                canvas[y : y + shared.height, x : x + shared.width] = part
        return canvas


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
    sums = pixels.reshape(h // 2, 2, w // 2, 2).astype(np.uint16).sum(axis=(1, 3))
    means: Pixels = ((sums + 2) // 4).astype(np.uint8)
    return means
