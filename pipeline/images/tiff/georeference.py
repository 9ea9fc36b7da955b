"""Where on the map a GeoTIFF lies (OGC 19-008: keys and tags)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tifffile

Transform: TypeAlias = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): pixel corner (x, y) to map (a x + b y + c, d x + e y + f)."""
_PLACE = {33550: "ModelPixelScale", 33922: "ModelTiepoint", 34264: "ModelTransformation"}
_USER_DEFINED = 32767
_PIXEL_IS_POINT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Georeference:
    """Coordinate reference system and place; each None where the file does not say."""

    crs: str | None = None
    """`EPSG:CODE`, or the name of one that has no code."""
    transform: Transform | None = None
    """Of level 0."""


def georeference(page: tifffile.TiffPage) -> Georeference:
    """Of a page; nothing where its keys cannot be understood, which is no reason to refuse good pixels."""
    try:
        tags = dict(page.geotiff_tags or {}) if page.is_geotiff else {}
        # Of a place without a named system there are no keys.
        tags |= {name: page.tags[code].value for code, name in _PLACE.items() if code in page.tags}
        return Georeference(crs=_crs(tags), transform=_transform(tags))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return Georeference()


def _crs(tags: Mapping[str, Any]) -> str | None:
    kind = int(tags.get("GTModelTypeGeoKey", 0))
    key = {1: "ProjectedCSTypeGeoKey", 2: "GeographicTypeGeoKey", 3: "GeographicTypeGeoKey"}.get(
        kind
    )
    if key is None:
        return None
    code = int(tags.get(key, _USER_DEFINED))
    if 0 < code < _USER_DEFINED:
        return f"EPSG:{code}"
    names = ("PCSCitationGeoKey", "GTCitationGeoKey", "GeogCitationGeoKey")
    texts = [str(tags[name]).strip("|\x00 ") for name in names if tags.get(name)]
    return texts[0] if texts else None


def _transform(tags: Mapping[str, Any]) -> Transform | None:
    """The keys speak of pixel corners, or of pixel centres, which lie half a pixel further."""
    found = _as_stored(tags)
    if found is None or not np.isfinite(found).all():
        return None
    a, b, c, d, e, f = found
    if int(tags.get("GTRasterTypeGeoKey", 1)) == _PIXEL_IS_POINT:
        c, f = c - (a + b) / 2, f - (d + e) / 2
    return (a, b, c, d, e, f)


def _as_stored(tags: Mapping[str, Any]) -> Transform | None:
    matrix = tags.get("ModelTransformation")
    if matrix is not None:
        rows = np.asarray(matrix, np.float64).reshape(4, 4)
        a, b, c = (float(rows[0, at]) for at in (0, 1, 3))
        d, e, f = (float(rows[1, at]) for at in (0, 1, 3))
        return (a, b, c, d, e, f)
    scale, ties = tags.get("ModelPixelScale"), tags.get("ModelTiepoint")
    if scale is None or ties is None or len(ties) < 6:
        return None  # many tie points without a scale are ground control points, not a transform
    x, y = float(scale[0]), float(scale[1])
    column, row, _, east, north = (float(value) for value in ties[:5])
    return (x, 0.0, east - column * x, 0.0, -y, north + row * y)
