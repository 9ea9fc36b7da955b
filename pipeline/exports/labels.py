"""Looks as an OME-Zarr label image (NGFF 0.5): each pixel says how deep the walk looked there."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.records.finished_image import FinishedImage

MAX_SIDE_PX = 2048
"""The label has one level, shrunk until its longer side is no longer than this."""
NAME = "looks"
_OWN = {"zarr.json", "labels"}
"""All that lies in such a group; an image has more."""


def depth_map(image: FinishedImage) -> tuple[NDArray[np.uint8], int]:
    """(h, w) 1 + depth of the deepest look at each pixel, 0 where none was; and level-0 pixels per pixel."""
    step = max(1, math.ceil(max(image.height_px, image.width_px) / MAX_SIDE_PX))
    shape = (math.ceil(image.height_px / step), math.ceil(image.width_px / step))
    depths = np.zeros(shape, np.uint8)
    for look in sorted(image.looks, key=lambda look: look.depth):
        box = look.region
        if look.level is not None:
            rows = slice(max(0, box.y) // step, math.ceil(box.bottom / step))
            cols = slice(max(0, box.x) // step, math.ceil(box.right / step))
            depths[rows, cols] = look.depth + 1
    return depths, step


def holds_another(path: Path) -> bool:
    """Whether something lies there that is no earlier label, such as the image itself."""
    if not path.is_dir():
        return path.exists()
    return not {entry.name for entry in path.iterdir()} <= _OWN


def write_label(image: FinishedImage, path: Path) -> None:
    """A group with `labels/looks`, to be laid over the image by its physical scale."""
    depths, step = depth_map(image)
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    labels = group.create_group("labels")
    labels.attrs["ome"] = {"version": "0.5", "labels": [NAME]}
    label = labels.create_group(NAME)
    array = label.create_array(
        "0", shape=depths.shape, chunks=(256, 256), dtype="uint8", dimension_names=("y", "x")
    )
    array[:] = depths
    label.attrs["ome"] = _metadata(image, depths, step)


def _metadata(image: FinishedImage, depths: NDArray[np.uint8], step: int) -> dict[str, Any]:
    y, x = image.pixel_size or (1.0, 1.0)
    units = {"um": "micrometer", "m": "meter"}
    unit = units.get(image.pixel_size_unit or "")
    axes = [
        {"name": name, "type": "space", **({"unit": unit} if unit else {})} for name in ("y", "x")
    ]
    scale = {"type": "scale", "scale": [step * y, step * x]}
    move = {"type": "translation", "translation": [(step - 1) / 2 * y, (step - 1) / 2 * x]}
    return {
        "version": "0.5",
        "multiscales": [
            {
                "name": NAME,
                "axes": axes,
                "datasets": [{"path": "0", "coordinateTransformations": [scale, move]}],
            }
        ],
        "image-label": {
            "colors": [
                {"label-value": value, "rgba": [0, min(255, 40 * value), 178, 120]}
                for value in range(1, int(depths.max(initial=0)) + 1)
            ]
        },
    }
