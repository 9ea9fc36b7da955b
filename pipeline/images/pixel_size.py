"""The size of a pixel, as each kind of TIFF says it. None when it does not say, or says something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import tifffile

from pipeline.images.pyramid import PixelSize

COARSEST_RESOLUTION_UM = 20.0
"""Resolution tags that mean coarser pixels than this are about printing: 72 dpi is 353 um, 300 dpi is 85 um."""
UM_PER_UNIT: Mapping[str, float] = {
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "\u00b5m": 1.0,  # micro sign
    "\u03bcm": 1.0,  # Greek mu, which looks the same
    "um": 1.0,
    "micrometer": 1.0,
    "micron": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "m": 1e6,
    "meter": 1e6,
}
_METRES_PER_LINEAR_UNIT = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937}
"""GeoTIFF codes: metre, international foot, US survey foot."""
_UM_PER_RESOLUTION_UNIT = {2: 25400.0, 3: 10000.0}
"""TIFF codes: inch, centimetre."""


def tiff_pixel_size(page: tifffile.TiffPage, ome_xml: str | None) -> PixelSize | None:
    """Of level 0, from the most specific statement that the file makes."""
    try:
        return _stated(page, ome_xml)
    except (ArithmeticError, LookupError, TypeError, ValueError, ET.ParseError):
        return None  # a size that cannot be understood is no reason to refuse good pixels


def _stated(page: tifffile.TiffPage, ome_xml: str | None) -> PixelSize | None:
    if page.is_geotiff:
        return _from_geotiff(page.geotiff_tags or {})
    if ome_xml is not None:
        return _from_ome(ome_xml)
    return _from_description(page.description) or _from_resolution(page)


def _from_geotiff(tags: Mapping[str, Any]) -> PixelSize | None:
    """Metres, where the map is projected; degrees are no size."""
    if int(tags.get("GTModelTypeGeoKey", 0)) != 1:
        return None
    metres = _METRES_PER_LINEAR_UNIT.get(int(tags.get("ProjLinearUnitsGeoKey", 9001)))
    scale = tags.get("ModelPixelScale")
    matrix = tags.get("ModelTransformation")
    if metres is None:
        return None
    if scale is not None:
        return _checked(abs(float(scale[1])) * metres, abs(float(scale[0])) * metres, "m")
    if matrix is None:
        return None
    flat = np.asarray(matrix, np.float64).reshape(4, 4)
    y, x = np.hypot(flat[0, 1], flat[1, 1]), np.hypot(flat[0, 0], flat[1, 0])
    return _checked(float(y) * metres, float(x) * metres, "m")


def _from_ome(xml: str) -> PixelSize | None:
    pixels = next((e for e in ET.fromstring(xml).iter() if e.tag.endswith("Pixels")), None)
    if pixels is None or "PhysicalSizeX" not in pixels.attrib:
        return None
    x = float(pixels.attrib["PhysicalSizeX"])
    y = float(pixels.attrib.get("PhysicalSizeY", x))
    x_um = UM_PER_UNIT.get(pixels.attrib.get("PhysicalSizeXUnit", "um"))
    y_um = UM_PER_UNIT.get(pixels.attrib.get("PhysicalSizeYUnit", "um"))
    return _checked(y * y_um, x * x_um, "um") if x_um and y_um else None


def _from_description(description: str) -> PixelSize | None:
    """Aperio's `MPP = 0.4990`."""
    found = re.search(r"\|\s*MPP\s*=\s*([0-9]*\.?[0-9]+)(?![0-9.])", description)
    return _checked(float(found[1]), float(found[1]), "um") if found else None


def _from_resolution(page: tifffile.TiffPage) -> PixelSize | None:
    unit = page.tags.get(296)
    um = _UM_PER_RESOLUTION_UNIT.get(int(unit.value)) if unit is not None else None
    tags = [page.tags.get(code) for code in (282, 283)]
    per_unit = [tag.value for tag in tags if tag is not None]
    if um is None or len(per_unit) < 2:
        return None
    x, y = (um * below / above if above else 0.0 for above, below in per_unit)
    return _checked(y, x, "um") if max(x, y) < COARSEST_RESOLUTION_UM else None


def _checked(y: float, x: float, unit: str) -> PixelSize | None:
    if not (0 < y < float("inf") and 0 < x < float("inf")):
        return None
    return PixelSize(y, x, "m" if unit == "m" else "um")
