"""Large images to measure on, made of real pixels that the dependencies carry: photographs and handwritten digits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from skimage import data
from sklearn.datasets import load_digits

from pipeline.images.resample import to_size

SIDE_PX = 8192
DIGIT_PX = 192
"""Side of a pasted digit: legible at full resolution, a speck in the overview."""
TILE_PX = 256
PIXEL_SIZE_UM = 0.5
BACKGROUNDS = ("immunohistochemistry", "hubble_deep_field", "retina")
"""Of scikit-image: a stained section, a deep sky image, a fundus photograph."""

Pixels = NDArray[np.uint8]


def compose(background: str, digits: NDArray[np.int64], rng: np.random.Generator) -> Pixels:
    """(8192, 8192, 3): the photograph mirrored over the plane, digits (indices of `load_digits`) pasted on."""
    photograph: Pixels = getattr(data, background)()[..., :3]
    h, w = photograph.shape[:2]
    padding = ((0, SIDE_PX - h), (0, SIDE_PX - w), (0, 0))
    canvas: Pixels = np.pad(photograph, padding, mode="symmetric")
    cells = rng.choice((SIDE_PX // DIGIT_PX) ** 2, len(digits), replace=False)
    for index, cell in zip(digits, cells, strict=True):
        y, x = (int(part) * DIGIT_PX for part in divmod(int(cell), SIDE_PX // DIGIT_PX))
        canvas[y : y + DIGIT_PX, x : x + DIGIT_PX] = _digit(int(index))[:, :, None]
    return canvas


def pyramid_of(finest: Pixels) -> Iterator[Pixels]:
    """(H, W, C) levels by 2 x 2 means, finest first, until one fits into a tile."""
    level = finest
    yield level
    while max(level.shape[:2]) > TILE_PX:
        h, w = (-(-side // 2) for side in level.shape[:2])
        level = np.asarray(to_size(level, h, w), np.uint8)
        yield level


def write_tiff(path: Path, levels: list[Pixels]) -> None:
    """A pyramidal TIFF as slide scanners write it: 256 x 256 JPEG tiles, coarser levels as reduced pages."""
    per_cm = 1e4 / PIXEL_SIZE_UM
    with tifffile.TiffWriter(path) as file:
        for index, level in enumerate(levels):
            scale = levels[0].shape[0] / level.shape[0]
            file.write(
                level,
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": 85},
                tile=(TILE_PX, TILE_PX),
                subfiletype=1 if index else 0,
                resolution=(per_cm / scale, per_cm / scale),
                resolutionunit="CENTIMETER",
                metadata=None,
            )


def _digit(index: int) -> Pixels:
    """(192, 192) bright on black."""
    small = load_digits().images[index] * (255 / 16)  # (8, 8)
    large = np.asarray(cv2.resize(small, (DIGIT_PX, DIGIT_PX), interpolation=cv2.INTER_CUBIC))
    digit: Pixels = np.clip(large, 0, 255).astype(np.uint8)
    return digit
