"""Small images on disk in every form, written by tifffile and zarr themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from tests.conftest import picture


def halves(finest: NDArray[Any], count: int) -> list[NDArray[Any]]:
    """(H, W, C) levels, each every second pixel of the one before: sizes are rounded up as in real files."""
    levels = [finest]
    for _ in range(count - 1):
        levels.append(np.ascontiguousarray(levels[-1][::2, ::2]))
    return levels


def write_pyramid_tiff(path: Path, levels: list[NDArray[Any]], **options: Any) -> Path:
    """Finest first, coarser ones as reduced pages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as file:
        for index, level in enumerate(levels):
            file.write(level, subfiletype=1 if index else 0, metadata=None, **options)
    return path


def slide(path: Path, height: int = 700, width: int = 900, *, seed: int = 0) -> Path:
    """An RGB pyramid of three levels in JPEG tiles of 64 px, as scanners write it."""
    return write_pyramid_tiff(
        path,
        halves(picture(height, width, seed=seed), 3),
        photometric="rgb",
        compression="jpeg",
        tile=(64, 64),
    )


def write_ome_zarr(
    path: Path,
    levels: list[NDArray[Any]],
    *,
    zarr_format: int = 3,
    chunk: tuple[int, int, int] = (3, 64, 64),
    colours: bool = True,
    **options: Any,
) -> Path:
    """(C, H, W) levels as OME-Zarr 0.5 (format 3) or 0.4 (format 2)."""
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if zarr_format == 2 else 3)
    datasets = []
    for index, level in enumerate(levels):
        named = {"dimension_names": ("c", "y", "x")} if zarr_format == 3 else {}
        group.create_array(str(index), data=level, chunks=chunk, **named, **options)
        size = 0.5 * levels[0].shape[1] / level.shape[1]
        scale = {"type": "scale", "scale": [1.0, size, size]}
        datasets.append({"path": str(index), "coordinateTransformations": [scale]})
    space = {"type": "space", "unit": "micrometer"}
    axes = [{"name": "c", "type": "channel"}, {"name": "y", **space}, {"name": "x", **space}]
    image: dict[str, Any] = {"name": "test", "axes": axes, "datasets": datasets}
    window = {"start": 0, "end": 255, "min": 0, "max": 255}
    channels = [
        {"label": name, "color": code, "window": window}
        for name, code in (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"))
    ]
    omero = {"omero": {"channels": channels}} if colours else {}
    if zarr_format == 3:
        group.attrs.update({"ome": {"version": "0.5", "multiscales": [image], **omero}})
    else:
        group.attrs.update({"multiscales": [{**image, "version": "0.4"}], **omero})
    return path
