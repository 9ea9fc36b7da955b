"""Large images for the demo, made of real pixels that the dependencies carry: photographs and handwritten digits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from skimage import data
from sklearn.datasets import load_digits

from pipeline.images.resample import to_size

SIDE_PX = 8192
DIGIT_PX = 192
"""Side of a pasted digit: legible at full resolution, a speck in the overview."""
NUM_DIGITS = 15
TILE_PX = 256
PIXEL_SIZE_UM = 0.5
BACKGROUNDS = ("immunohistochemistry", "hubble_deep_field", "retina")
"""Of scikit-image: a stained section, a deep sky image, a fundus photograph."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoImage:
    """One image of the demo's archive."""

    sample_id: str
    """Its name."""
    path: Path
    """Where it was written."""
    label: str
    """The digit that most of the pasted ones are."""


def make_images(directory: Path) -> Iterator[DemoImage]:
    """Write six images, a TIFF and an OME-Zarr of each background; those that are there are kept."""
    for index, background in enumerate(BACKGROUNDS):
        for suffix, write in ((".tif", write_tiff), (".ome.zarr", write_ome_zarr)):
            rng = np.random.default_rng([index, len(suffix)])
            digits = _choose_digits(rng)
            path = directory / f"{background}{suffix}"
            if not path.exists():
                partial = path.with_name(f"unfinished-{path.name}")
                write(partial, list(pyramid_of(compose(background, digits, rng))))
                partial.rename(path)
            name = f"{background}_{suffix.rsplit('.', 1)[-1]}"
            yield DemoImage(sample_id=name, path=path, label=_majority(digits))


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


def write_ome_zarr(path: Path, levels: list[Pixels]) -> None:
    """OME-Zarr 0.5: zstd chunks of 3 x 256 x 256."""
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    datasets: list[dict[str, Any]] = []
    for index, level in enumerate(levels):
        group.create_array(
            str(index),
            data=np.ascontiguousarray(np.moveaxis(level, 2, 0)),  # (C, H, W)
            chunks=(3, TILE_PX, TILE_PX),
            dimension_names=("c", "y", "x"),
        )
        size = PIXEL_SIZE_UM * levels[0].shape[0] / level.shape[0]
        scale = {"type": "scale", "scale": [1.0, size, size]}
        datasets.append({"path": str(index), "coordinateTransformations": [scale]})
    group.attrs.update({"ome": _ome(datasets, path.stem)})


def _ome(datasets: list[dict[str, Any]], name: str) -> dict[str, Any]:
    space = {"type": "space", "unit": "micrometer"}
    axes = [{"name": "c", "type": "channel"}, {"name": "y", **space}, {"name": "x", **space}]
    colours = (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"))
    channels = [
        {"label": label, "color": colour, "window": {"start": 0, "end": 255, "min": 0, "max": 255}}
        for label, colour in colours
    ]
    return {
        "version": "0.5",
        "multiscales": [{"name": name, "axes": axes, "datasets": datasets}],
        "omero": {"channels": channels},
    }


def _choose_digits(rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of `load_digits`: two thirds of one class, the rest of any."""
    target = load_digits().target
    of_class = np.flatnonzero(target == rng.integers(10))
    num_same = NUM_DIGITS * 2 // 3
    same = rng.choice(of_class, num_same, replace=False)
    return np.concatenate([same, rng.choice(len(target), NUM_DIGITS - num_same, replace=False)])


def _majority(digits: NDArray[np.int64]) -> str:
    counts = Counter(load_digits().target[digits].tolist())
    return str(max(sorted(counts), key=lambda digit: counts[digit]))


def _digit(index: int) -> Pixels:
    """(192, 192) bright on black."""
    small = load_digits().images[index] * (255 / 16)  # (8, 8)
    large = np.asarray(cv2.resize(small, (DIGIT_PX, DIGIT_PX), interpolation=cv2.INTER_CUBIC))
    digit: Pixels = np.clip(large, 0, 255).astype(np.uint8)
    return digit
