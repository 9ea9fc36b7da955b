"""Where an OME-Zarr lies on the map, and what means "no data" in it: attributes of its group that OME does not know.

Map: the Zarr conventions `proj:` and `spatial:` (GeoZarr). No data: the attribute `foveate`, which ingest writes;
a fill value alone says only what is read where nothing is stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Georeference:
    """As in `Pyramid`."""

    crs: str | None
    """Such as `EPSG:32618`, or WKT."""
    transform: tuple[float, float, float, float, float, float] | None
    """(a, b, c, d, e, f) of level 0."""
    nodata: float | None
    """Sample value that means "no data"."""
    metadata: tuple[tuple[str, str], ...]
    """How the image was made."""


def read_georeference(attributes: Mapping[str, Any]) -> Georeference:
    """From the attributes of a group; what is not as it should be is not said."""
    own = attributes.get("foveate")
    own = own if isinstance(own, Mapping) else {}
    crs = attributes.get("proj:code") or attributes.get("proj:wkt2") or own.get("crs")
    return Georeference(
        crs=crs if isinstance(crs, str) else None,
        transform=_transform(attributes.get("spatial:transform")),
        nodata=_number(own.get("nodata")),
        metadata=_metadata(own.get("metadata")),
    )


def _metadata(found: Any) -> tuple[tuple[str, str], ...]:
    items = found.items() if isinstance(found, Mapping) else ()
    return tuple(sorted((str(name), str(value)) for name, value in items))


def _transform(found: Any) -> tuple[float, float, float, float, float, float] | None:
    values = [_number(value) for value in found] if isinstance(found, list) else []
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(values) != 6 or len(known) != 6:
        return None
    a, b, c, d, e, f = known
    return a, b, c, d, e, f


def _number(found: Any) -> float | None:
    """Numbers, and the words that stand for those JSON has none for."""
    if found in ("NaN", "Infinity", "-Infinity"):
        return float(found)
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number else None
