"""Orders as GeoJSON: in degrees where the image is a map, in um on the slide otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.costs.orders import Order
from pipeline.costs.pricing import Price
from pipeline.exports.ground import degrees_geometry, pixel_ring
from pipeline.records.finished_image import FinishedImage

_UM_PER_KM = 1e9
_KM = {"m": 1e-3, "um": 1e-9}


def orders_geojson(parts: Iterable[tuple[FinishedImage, Price]]) -> dict[str, Any]:
    """A FeatureCollection with a polygon per order.

    Raises:
        UsageError: if an image has a coordinate reference system in which an order has no degrees.
    """
    features = [
        _feature(image, price, number, order)
        for image, price in parts
        for number, order in enumerate(price.orders)
    ]
    return {"type": "FeatureCollection", "features": features}


def _feature(image: FinishedImage, price: Price, number: int, order: Order) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": _geometry(image, order),
        "properties": {
            "sample_id": image.sample_id,
            "price_list": price.model,
            "order": number,
            "charged_km2": order.charged_km2,
            "units": "degrees" if image.crs else "um",
        },
    }


def _geometry(image: FinishedImage, order: Order) -> dict[str, Any]:
    box = order.box
    if image.crs is None or image.pixel_size is None or image.pixel_size_unit is None:
        corners = pixel_ring(box.top, box.left, box.bottom, box.right)
        ring = [[x * _UM_PER_KM, y * _UM_PER_KM] for x, y in corners]
        return {"type": "Polygon", "coordinates": [ring]}
    km = _KM[image.pixel_size_unit]
    y_km, x_km = image.pixel_size[0] * km, image.pixel_size[1] * km
    corners = pixel_ring(box.top / y_km, box.left / x_km, box.bottom / y_km, box.right / x_km)
    return degrees_geometry(image, corners)
