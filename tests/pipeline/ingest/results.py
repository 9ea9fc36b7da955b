"""Ingested images as tests make them and look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from pipeline.images.opening import open_source
from pipeline.ingest.ingest import IngestTask, ingest
from pipeline.ingest.means import area_means
from pipeline.ingest.publication import result_path
from pipeline.ingest.settings import IngestSettings

UTM = (2.0, 0.0, 500_000.0, 0.0, -2.0, 4_000_000.0)


def task(source: Path, **changes: Any) -> IngestTask:
    """To be written beside its image."""
    known = {"settings": IngestSettings(), "final": result_path(source.parent / "out", source.stem)}
    return IngestTask(uri=str(source), **{**known, **changes})


def ingested(source: Path, **changes: Any) -> zarr.Group:
    """The result, opened by zarr-python."""
    done = ingest(task(source, **changes))
    return zarr.open_group(str(done.final), mode="r")


def planar(array: NDArray[Any]) -> NDArray[Any]:
    """(H, W) or (H, W, C) to (C, H, W)."""
    return array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0)


def stored(group: zarr.Group, level: int) -> NDArray[Any]:
    """(C, H, W) of a level, as zarr-python reads it."""
    found = np.asarray(group[str(level)][...])  # type: ignore[index]  # an array in a group on disk
    return found if found.ndim == 3 else found[None]


def check_pyramid(group: zarr.Group, finest: NDArray[Any], nodata: float | None = None) -> None:
    """Level 0 is the image; each other level is the area means of the one before."""
    np.testing.assert_array_equal(stored(group, 0), finest)
    count = len(list(group.array_keys()))
    for level in range(1, count):
        finest = area_means(finest, nodata)
        np.testing.assert_array_equal(stored(group, level), finest)
    assert max(finest.shape[1:]) <= 256


def write(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """A TIFF of one level."""
    known = {"metadata": None, "tile": (64, 64), **options}
    tifffile.imwrite(path, pixels, **known)
    return path


def write_map(path: Path, pixels: NDArray[Any], nodata: str) -> Path:
    """A GeoTIFF in UTM zone 18 north, pixels of 2 m."""
    tags = [
        (33550, "d", 3, (2.0, 2.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, UTM[2], UTM[5], 0.0), True),
        (34735, "H", 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32618), True),
        (42113, "s", 0, nodata, True),
    ]
    return write(path, pixels, photometric="minisblack", extratags=tags)


def open_ours(group: zarr.Group) -> Any:
    """The result, by our own reader."""
    import contextlib

    return contextlib.closing(open_source(str(group.store_path.store.root)))  # type: ignore[attr-defined]  # a store on disk has a root
