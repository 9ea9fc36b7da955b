"""Large images to measure on, made once and kept in runs/bench."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

from actors.model_directory import ModelDirectory, open_model
from jobs.new_model import new_config, write_model
from models.architecture import architecture_named
from pipeline.image_record import ImageRecord
from tests.benchmarks.photographs import BACKGROUNDS, compose, pyramid_of, write_tiff

HOME = Path("runs/bench")
TILE_PX = 256


def slides(count: int) -> list[ImageRecord]:
    """8192 x 8192 JPEG pyramids of three photographs, under `count` names."""
    directory = HOME / "slides"
    directory.mkdir(parents=True, exist_ok=True)
    originals = [_original(directory, index) for index in range(len(BACKGROUNDS))]
    records = []
    for number in range(count):
        path = directory / f"slide_{number:03d}.tif"
        if not path.exists():
            os.link(originals[number % len(originals)], path)
        records.append(ImageRecord(sample_id=path.stem, image_path=str(path.absolute())))
    return records


def model(name: str) -> ModelDirectory:
    """An untrained model that walks to the finest pixels, best first, nine looks."""
    directory = HOME / name
    if not directory.exists():
        classes = tuple(f"class_{index}" for index in range(10))
        write_model(new_config(architecture_named(name), classes, seed=0), directory)
    changes = {"walk.selection": "best_first", "walk.depths": None, "walk.budget": 9}
    return open_model(str(directory)).with_changes(changes)


def huge(side: int) -> ImageRecord:
    """A pyramid of `side` x `side` pixels in JPEG tiles; the tiles repeat, their index does not."""
    path = HOME / f"huge_{side}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        partial = path.with_suffix(".part")
        _write_huge(partial, side)
        partial.rename(path)
    return ImageRecord(sample_id=path.stem, image_path=str(path.absolute()))


def _original(directory: Path, index: int) -> Path:
    path = directory / f"original_{index}.tiff"
    if not path.exists():
        rng = np.random.default_rng(index)
        digits = rng.integers(0, 1797, 15)
        write_tiff(path, list(pyramid_of(compose(BACKGROUNDS[index], digits, rng))))
    return path


def _write_huge(path: Path, side: int) -> None:
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        level = 0
        while side >= TILE_PX:
            across = -(-side // TILE_PX)
            file.write(
                _tiles(across * across),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(TILE_PX, TILE_PX),
                photometric="ycbcr",
                subsampling=(1, 1),
                compression="jpeg",
                subfiletype=1 if level else 0,
                metadata=None,
            )
            side, level = side // 2, level + 1


def _tiles(count: int) -> Iterator[bytes]:
    """Encoded tiles, eight different ones in turn."""
    y, x = np.mgrid[0:TILE_PX, 0:TILE_PX]
    encoded = []
    for phase in range(8):
        waves = [np.sin((y + 9 * phase) / (11 + c)) * np.cos(x / (13 - c)) for c in range(3)]
        tile = (np.stack(waves, axis=2) * 90 + 128).astype(np.uint8)
        encoded.append(
            imagecodecs.jpeg8_encode(
                tile, level=40, colorspace="RGB", outcolorspace="YCBCR", subsampling=(1, 1)
            )
        )
    for index in range(count):
        yield encoded[index % len(encoded)]
