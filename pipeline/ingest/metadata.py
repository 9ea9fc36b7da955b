"""What an OME-Zarr 0.5 says of itself: axes, scales, channels; and of a map, where it lies.

Georeferencing follows the Zarr conventions `proj:` and `spatial:` (GeoZarr), in the attributes of the group.
"No data" has no place in OME-Zarr: it is the arrays' fill value, and named in the attribute `foveate`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from ome_zarr_models.v05.axes import Axis
from ome_zarr_models.v05.image import ImageAttrs
from ome_zarr_models.v05.multiscales import Dataset, Multiscale

from pipeline.images.pyramid import PixelSize, Pyramid
from pipeline.ingest.plan import IngestPlan

_COLOURS = {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}
_UNITS = {"um": "micrometer", "m": "meter"}
_CONVENTIONS = {
    "proj": ("f17cb550-5864-4468-aeb7-f3180cfb622f", "Coordinate reference system information"),
    "spatial": ("689b58e2-cf7b-45e0-9fff-9cfc0883d6b4", "Spatial coordinate information"),
}


def group_attributes(
    pyramid: Pyramid, plan: IngestPlan, pixel_size: PixelSize | None, record: Mapping[str, Any]
) -> dict[str, Any]:
    """Attributes of the group.

    Args:
        pyramid: of the image that is ingested.
        plan: what is written of it.
        pixel_size: of level 0.
        record: where it came from and how it was written; goes into `foveate`.
    """
    # Mode json: what is not finite is not JSON.
    ome = ImageAttrs(multiscales=[_multiscale(pyramid, plan, pixel_size)], version="0.5")
    own = {
        **record,
        "nodata": _json_number(plan.nodata),
        "metadata": dict(pyramid.metadata),
    }
    crs = _crs_attribute(pyramid.crs)
    return {
        "ome": {**ome.model_dump(mode="json", exclude_none=True), "omero": _omero(pyramid)},
        **_map(pyramid, crs),
        "foveate": own if crs or pyramid.crs is None else {**own, "crs": pyramid.crs},
    }


def axis_names(plan: IngestPlan) -> tuple[str, ...]:
    """Of the arrays' dimensions."""
    return ("c", "y", "x") if plan.num_bands > 1 else ("y", "x")


def _multiscale(pyramid: Pyramid, plan: IngestPlan, pixel_size: PixelSize | None) -> Multiscale:
    unit = None if pixel_size is None else _UNITS[pixel_size.unit]
    y, x = (1.0, 1.0) if pixel_size is None else (pixel_size.y, pixel_size.x)
    bands = [Axis(name="c", type="channel")] if plan.num_bands > 1 else []
    return Multiscale(
        name=_name(pyramid),
        type="area mean 2x2",
        axes=(*bands, *(Axis(name=name, type="space", unit=unit) for name in ("y", "x"))),
        datasets=tuple(_dataset(level, len(bands), y, x) for level in range(len(plan.levels))),
    )


def _dataset(level: int, num_before: int, y: float, x: float) -> Dataset:
    """Coordinates are those of pixel centres: that of a mean lies between those of its pixels."""
    factor = 2.0**level
    shift = (factor - 1) / 2
    return Dataset.build(
        path=str(level),
        scale=[*[1.0] * num_before, factor * y, factor * x],
        translation=[*[0.0] * num_before, shift * y, shift * x],
    )


def _omero(pyramid: Pyramid) -> dict[str, Any]:
    dtype = np.dtype(pyramid.dtype)
    low, high = (0.0, 1.0)
    if dtype.kind in "iu":
        low, high = float(np.iinfo(dtype.name).min), float(np.iinfo(dtype.name).max)
    window = {"min": low, "max": high, "start": low, "end": high}
    channels = [
        {"label": band, "color": _COLOURS.get(band, "FFFFFF"), "window": window, "active": True}
        for band in pyramid.bands
    ]
    return {"channels": channels, "rdefs": {"model": "color"}}


def _crs_attribute(crs: str | None) -> dict[str, str]:
    """Empty for a name that the convention has no word for, such as `unnamed`."""
    if crs is None:
        return {}
    if re.fullmatch(r"[A-Z]+:[0-9]+", crs):
        return {"proj:code": crs}
    return {"proj:wkt2": crs} if "[" in crs else {}


def _map(pyramid: Pyramid, crs: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = dict(crs)
    used = ["proj"] if crs else []
    if pyramid.transform is not None:
        found["spatial:dimensions"] = ["y", "x"]
        found["spatial:transform_type"] = "affine"
        found["spatial:transform"] = list(pyramid.transform)
        found["spatial:shape"] = [pyramid.height, pyramid.width]
        found["spatial:registration"] = "pixel"
        used.append("spatial")
    if used:
        found["zarr_conventions"] = [_convention(name) for name in used]
    return found


def _convention(name: str) -> dict[str, str]:
    uuid, description = _CONVENTIONS[name]
    place = f"zarr-conventions/{name}"
    return {
        "uuid": uuid,
        "name": f"{name}:",
        "schema_url": f"https://raw.githubusercontent.com/{place}/refs/tags/v0.1/schema.json",
        "spec_url": f"https://github.com/{place}/blob/v0.1/README.md",
        "description": description,
    }


def _name(pyramid: Pyramid) -> str:
    return pyramid.uri.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1]


def _json_number(value: float | None) -> float | str | None:
    """NaN and infinities as Zarr writes them."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
