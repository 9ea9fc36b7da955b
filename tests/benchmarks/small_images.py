"""Archives of small images, each a file of its own, so that each is opened and read by itself."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from pipeline.image_record import ImageRecord
from tests.benchmarks import archive

SMALL_PX, LARGE_PX = 896, 6272
"""16 and 784 windows of 224 px in a full scan."""


def small_images(count: int) -> list[ImageRecord]:
    """Equal ones."""
    original = archive.huge(SMALL_PX)
    return [_named(original, f"{number:04d}") for number in range(count)]


def _named(original: ImageRecord, name: str) -> ImageRecord:
    """The same file under a name of its own."""
    path = archive.HOME / "waste_images" / f"{name}_{Path(original.image_path).name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.link(original.image_path, path)
    return ImageRecord(sample_id=name, image_path=str(path.absolute()))


def skewed_archive(count: int) -> list[ImageRecord]:
    """Every 20th is large, at a place drawn by chance."""
    rng = np.random.default_rng(0)
    is_large = rng.permutation(np.arange(count) % 20 == 0)
    return [
        _named(archive.huge(LARGE_PX if large else SMALL_PX), f"{number:04d}")
        for number, large in enumerate(is_large)
    ]
