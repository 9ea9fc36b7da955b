"""Pixel rectangles as polygons on the ground, through pyproj and shapely (extra `geo`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, TypeAlias

from pipeline.errors import UsageError
from pipeline.records.finished_image import FinishedImage

Ring: TypeAlias = list[tuple[float, float]]
"""Corners (x, y), the first again at the end, counter-clockwise on the ground."""
_STEPS = 16
"""Of a walk along an edge; each less than half around the Earth."""
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

    East of the date line longitudes go on above 180, so that the ring hangs together; around a pole no ring does.

    Raises:
        UsageError: if the image is no map that pyproj knows, if a corner lies beside the Earth, or without pyproj.
    """
    edges = _to_degrees(image).transform(*zip(*map_ring(image, _walked(corners)), strict=True))
    ring = list(zip(*edges, strict=True))
    if not all(math.isfinite(value) for corner in ring for value in corner):
        raise UsageError(
            f"{image.sample_id}: a corner lies where its projection shows nothing of the Earth, so it has no degrees; "
            "export it as csv instead"
        )
    ring = _hanging_together(ring)[::_STEPS]
    return ring if _area(ring) >= 0 else ring[::-1]


def degrees_geometry(image: FinishedImage, corners: Ring) -> dict[str, Any]:
    """The ring as GeoJSON; cut in two at the date line, as RFC 7946 wants it.

    Raises:
        UsageError: as of `degrees_ring`.
    """
    ring = degrees_ring(image, corners)
    if all(-180 <= x <= 180 for x, _ in ring):
        return {"type": "Polygon", "coordinates": [[list(corner) for corner in ring]]}
    import shapely  # an extra, and pyproj is there

    whole = shapely.Polygon(ring)
    parts = [
        shapely.transform(
            whole & shapely.box(low, -90, low + 360, 90), lambda at, by=low: at - (by + 180, 0)
        )
        for low in (-540, -180, 180)
    ]
    cut = [shapely.geometry.polygon.orient(part) for part in parts if part.area]
    return dict(shapely.geometry.mapping(shapely.MultiPolygon(cut) if len(cut) > 1 else cut[0]))


def on_maps(images: Iterable[FinishedImage]) -> tuple[list[FinishedImage], list[str]]:
    """Those that have degrees, with the looks that have some, and why the others have none."""
    found, reasons = [], []
    for image in images:
        looks, problem = [], None
        for look in image.looks:
            box = look.region.clipped(image.height_px, image.width_px) or look.region
            try:
                degrees_ring(image, pixel_ring(box.y, box.x, box.bottom, box.right))
            except UsageError as error:
                if not has_pyproj():
                    raise
                problem = problem or str(error)
            else:
                looks.append(look)
        if looks:
            found.append(replace(image, looks=tuple(looks)))
        if problem is not None:
            lost = len(image.looks) - len(looks)
            reasons.append(f"{problem} ({lost} of {len(image.looks)} looks)" if looks else problem)
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
        return _transformer(image.crs)
    except pyproj.exceptions.ProjError as error:  # an unknown name, or a drawing's own axes
        raise UsageError(
            f"{image.sample_id}: its coordinate reference system is called {image.crs!r}, and PROJ knows none "
            "of that name that lies on the Earth; give the file an EPSG code with gdal_edit"
        ) from error


@lru_cache(maxsize=64)
def _transformer(crs: str) -> Any:
    import pyproj  # an extra

    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def _walked(corners: Ring) -> Ring:
    """With points along the edges: of two corners alone nobody knows which way around the Earth they are joined."""
    found = [
        (x0 + (x1 - x0) * step / _STEPS, y0 + (y1 - y0) * step / _STEPS)
        for (x0, y0), (x1, y1) in pairwise(corners)
        for step in range(_STEPS)
    ]
    return [*found, corners[-1]]


def _hanging_together(ring: Ring) -> Ring:
    """Without leaps from one side of the date line to the other."""
    found = [ring[0]]
    for x, y in ring[1:]:
        found.append((x - 360 * round((x - found[-1][0]) / 360), y))
    if abs(found[0][0] - found[-1][0]) > 180:  # around a pole
        return ring
    east = 360 if min(x for x, _ in found) < -180 else 0
    return [(x + east, y) for x, y in found]


def _area(ring: Sequence[tuple[float, float]]) -> float:
    """Signed: above 0 where corners run counter-clockwise."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring)) / 2
