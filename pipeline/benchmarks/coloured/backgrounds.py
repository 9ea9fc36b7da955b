"""What lies behind the digits: nothing, or crops of photographs that dependencies carry."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.benchmarks.coloured.drawing import Pixels
from pipeline.benchmarks.coloured.law import ColouredLaw

_BUNDLED = ("astronaut", "chelsea", "coffee", "rocket")
"""Photographs inside scikit-image's wheel, nothing to fetch."""
_SHARE = (0.3, 1.0)
"""Side of a crop, of the photograph's shorter side."""


class Backgrounds:
    """Draws backgrounds.

    Args:
        law: whether there are any.
        photographs: (H, W, 3) each; needed for `mbg_like` only.
    """

    def __init__(self, law: ColouredLaw, photographs: Sequence[Pixels]) -> None:
        self._law, self._photographs = law, photographs

    def draw(self, rng: np.random.Generator) -> Pixels:
        """(side, side, 3)."""
        side = self._law.canvas_px
        if self._law.kind != "mbg_like":
            return np.zeros((side, side, 3), np.uint8)
        photograph = self._photographs[int(rng.integers(len(self._photographs)))]
        shortest = min(photograph.shape[:2])
        crop = round(shortest * rng.uniform(*_SHARE))
        y, x = (int(rng.integers(0, extent - crop + 1)) for extent in photograph.shape[:2])
        piece = photograph[y : y + crop, x : x + crop]
        if rng.integers(2):
            piece = piece[:, ::-1]
        kind = cv2.INTER_AREA if crop > side else cv2.INTER_LINEAR
        return cv2.resize(np.ascontiguousarray(piece), (side, side), interpolation=kind).astype(
            np.uint8
        )


def bundled_photographs() -> list[Pixels]:
    """Photographs of scikit-image and scikit-learn."""
    from skimage import data  # not above: both load for a second
    from sklearn.datasets import load_sample_images

    mine = [np.asarray(getattr(data, name)()) for name in _BUNDLED]
    return [*mine, *(np.asarray(image) for image in load_sample_images().images)]
