"""Where on the map an OME-Zarr lies, and what it says beyond OME's own metadata: the Zarr conventions `proj:` and
`spatial:` (GeoZarr), and foveate's own attributes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Transform: TypeAlias = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What may be known of an image besides its pixels."""

    crs: str | None = None
    """`EPSG:CODE`, or another text that names the system."""
    transform: Transform | None = None
    """(a, b, c, d, e, f): pixel corner (x, y) to map (a x + b y + c, d x + e y + f)."""
    nodata: float | None = None
    """Sample value that means "no data"."""
    metadata: tuple[tuple[str, str], ...] = ()
    """How the image was made."""


def read_extras(attributes: Mapping[str, Any]) -> Extras:
    """From the attributes of a group; nothing where they cannot be understood, which is no reason to refuse pixels."""
    own = attributes.get("foveate")
    own = own if isinstance(own, Mapping) else {}
    try:
        return Extras(
            crs=_text(attributes.get("proj:code") or attributes.get("proj:wkt2") or own.get("crs")),
            transform=_transform(attributes),
            nodata=_number(own.get("nodata")),
            metadata=_metadata(own.get("metadata")),
        )
    except (TypeError, ValueError):
        return Extras()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    """NaN and infinities are written as words."""
    return None if value is None else float(value)


def _transform(attributes: Mapping[str, Any]) -> Transform | None:
    values = attributes.get("spatial:transform")
    if values is None or attributes.get("spatial:transform_type", "affine") != "affine":
        return None
    a, b, c, d, e, f = (float(value) for value in values)
    if attributes.get("spatial:registration", "pixel") == "node":  # speaks of pixel centres
        c, f = c - (a + b) / 2, f - (d + e) / 2
    found = (a, b, c, d, e, f)
    return found if all(map(math.isfinite, found)) else None


def _metadata(values: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(values, Mapping):
        return ()
    return tuple(sorted((str(name), str(value)) for name, value in values.items()))
