"""Looks as QuPath and GIS programs, spreadsheets and OME-Zarr viewers take them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.exports.ground import (
    MISSING,
    Ring,
    degrees_geometry,
    has_pyproj,
    map_ring,
    pixel_ring,
)
from pipeline.records.finished_image import FinishedImage, FinishedLook
from pipeline.records.store.disk_store import write_atomically

OKABE_ITO = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (0, 0, 0),
)
"""Eight colours that most colour-blind people tell apart (Okabe and Ito, 2008)."""
COLUMNS = (
    "sample_id",
    "order",
    "depth",
    "level",
    "minx",
    "miny",
    "width",
    "height",
    "minx_um",
    "miny_um",
    "width_um",
    "height_um",
    "map_x",
    "map_y",
    "label_so_far",
    "confidence_so_far",
)


def qupath(image: FinishedImage) -> dict[str, Any]:
    """A FeatureCollection of annotations in level-0 pixels, coloured by the prediction after each look."""
    return {
        "type": "FeatureCollection",
        "features": [_annotation(image, look) for look in _seen(image)],
    }


def _annotation(image: FinishedImage, look: FinishedLook) -> dict[str, Any]:
    classes = list(image.probabilities)
    colour = OKABE_ITO[classes.index(str(look.label_so_far)) % len(OKABE_ITO)]
    measured = {
        "order": look.order,
        "depth": look.depth,
        "confidence so far": look.confidence_so_far,
        "score": look.score,
        "bytes so far": look.bytes_so_far,
    }
    return {
        "type": "Feature",
        "geometry": _polygon(_corners(image, look)),
        "properties": {
            "objectType": "annotation",
            "name": f"look {look.order}",
            "classification": {"name": look.label_so_far, "color": list(colour)},
            "isLocked": False,
            # QuPath refuses NaN, and JSON knows none.
            "measurements": {
                k: v for k, v in measured.items() if v is not None and math.isfinite(v)
            },
        },
    }


def geojson(images: Iterable[FinishedImage]) -> dict[str, Any]:
    """All looks of all maps in degrees (RFC 7946)."""
    features = [
        {
            "type": "Feature",
            "geometry": degrees_geometry(image, _corners(image, look)),
            "properties": _properties(image, look),
        }
        for image in images
        for look in _seen(image)
    ]
    return {"type": "FeatureCollection", "features": features}


def write_geoparquet(images: Iterable[FinishedImage], path: Path) -> None:
    """The same as GeoParquet, whole or not there.

    Raises:
        UsageError: if geopandas is not installed.
    """
    if not has_pyproj():
        raise UsageError(MISSING)
    import geopandas  # an extra

    found = geojson(images)
    if not found["features"]:
        raise UsageError(f"{path}: no look lies on a map; export as qupath or csv instead")
    table = io.BytesIO()
    geopandas.GeoDataFrame.from_features(found, crs="EPSG:4326").to_parquet(table)
    write_atomically(path, table.getvalue())


def looks_csv(images: Sequence[FinishedImage]) -> str:
    """A row per look: pixels, um where the pixel size is known, and the map's units at its upper left corner."""
    classes = list(next((one.probabilities for one in images if one.probabilities), {}))
    text = io.StringIO()
    rows = csv.DictWriter(text, [*COLUMNS, *(f"prob_{name}" for name in classes)])
    rows.writeheader()
    for image in images:
        rows.writerows(_csv_row(image, look) for look in _seen(image))
    return text.getvalue()


def _csv_row(image: FinishedImage, look: FinishedLook) -> dict[str, object]:
    box = look.region
    x_um, y_um = _um_per_pixel(image)
    row: dict[str, object] = {
        **_properties(image, look),
        "minx": box.x,
        "miny": box.y,
        "width": box.width,
        "height": box.height,
    }
    if x_um is not None and y_um is not None:
        row |= {"minx_um": box.x * x_um, "width_um": box.width * x_um}
        row |= {"miny_um": box.y * y_um, "height_um": box.height * y_um}
    if image.transform is not None:
        [(row["map_x"], row["map_y"])] = map_ring(image, [(box.x, box.y)])
    # The run keeps the probability of the label after each look, and all of them after the last.
    row[f"prob_{look.label_so_far}"] = look.confidence_so_far
    if look.order == image.looks[-1].order:
        row |= {f"prob_{name}": value for name, value in image.probabilities.items()}
    return row


def _properties(image: FinishedImage, look: FinishedLook) -> dict[str, object]:
    return {
        "sample_id": image.sample_id,
        "order": look.order,
        "depth": look.depth,
        "level": look.level,
        "label_so_far": look.label_so_far,
        "confidence_so_far": look.confidence_so_far,
    }


def _um_per_pixel(image: FinishedImage) -> tuple[float | None, float | None]:
    if image.pixel_size is None:
        return None, None
    factor = 1e6 if image.pixel_size_unit == "m" else 1.0
    return image.pixel_size[1] * factor, image.pixel_size[0] * factor


def _seen(image: FinishedImage) -> list[FinishedLook]:
    return [look for look in image.looks if look.label_so_far is not None]


def _corners(image: FinishedImage, look: FinishedLook) -> Ring:
    box = look.region.clipped(image.height_px, image.width_px) or look.region
    return pixel_ring(box.y, box.x, box.bottom, box.right)


def _polygon(ring: Ring) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(corner) for corner in ring]]}
