"""Pixel rectangles as polygons on the ground, through pyproj (extra `geo`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, TypeAlias

from pipeline.errors import UsageError
from pipeline.records.finished_run import FinishedImage

Ring: TypeAlias = list[tuple[float, float]]
"""Corners (x, y), the first again at the end, counter-clockwise on the ground."""
MISSING = "this needs pyproj, shapely and geopandas; install them with: pip install 'foveate[geo]'"


def pixel_ring(top: float, left: float, bottom: float, right: float) -> Ring:
    """A rectangle in pixel corners; y points down, so this is clockwise to the eye and as QuPath has it."""
    return [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]


def map_ring(image: FinishedImage, corners: Ring) -> Ring:
    """In the map's own units.

    Raises:
        UsageError: if the image is no map.
    """
    if image.transform is None:
        raise UsageError(
            f"{image.sample_id}: the image has no map coordinates; export it as qupath or csv instead"
        )
    a, b, c, d, e, f = image.transform
    return [(a * x + b * y + c, d * x + e * y + f) for x, y in corners]


def degrees_ring(image: FinishedImage, corners: Ring) -> Ring:
    """Longitude and latitude, EPSG:4326, counter-clockwise as RFC 7946 wants it.

    Raises:
        UsageError: if the image is no map that pyproj knows, or pyproj is not installed.
    """
    on_map = map_ring(image, corners)
    there = _to_degrees(image)
    ring = [tuple(there.transform(x, y)) for x, y in on_map]
    return ring if _area(ring) >= 0 else ring[::-1]


def on_maps(images: Iterable[FinishedImage]) -> tuple[list[FinishedImage], list[str]]:
    """Those that have degrees, and why each of the others has none."""
    found, reasons = [], []
    for image in images:
        try:
            degrees_ring(image, pixel_ring(0, 0, image.height_px, image.width_px))
        except UsageError as error:
            if not has_pyproj():
                raise
            reasons.append(str(error))
        else:
            found.append(image)
    return found, reasons


def has_pyproj() -> bool:
    """Whether the extra `geo` is installed."""
    return find_spec("pyproj") is not None


def _to_degrees(image: FinishedImage) -> Any:
    if not has_pyproj():
        raise UsageError(MISSING)
    import pyproj  # an extra

    if image.crs is None:
        raise UsageError(
            f"{image.sample_id}: the image has a transform and no coordinate reference system; give it "
            "one with gdal_edit, or export it as csv"
        )
    try:
        return pyproj.Transformer.from_crs(image.crs, "EPSG:4326", always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise UsageError(
            f"{image.sample_id}: its coordinate reference system is called {image.crs!r}, and PROJ knows none "
            "of that name; give the file an EPSG code with gdal_edit"
        ) from error


def _area(ring: Sequence[tuple[float, float]]) -> float:
    """Signed: above 0 where corners run counter-clockwise."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring)) / 2
