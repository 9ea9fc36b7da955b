"""What a TIFF says of how its image was made. Names of instruments and settings only, never of people or cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import tifffile

MAX_TEXT = 200
"""Longer values are cut."""
_TAGS = {271: "make", 272: "model", 305: "software", 306: "acquired"}
"""Baseline tags."""
_APERIO = {
    "AppMag": "objective",
    "MPP": "mpp",
    "ScanScope ID": "scanner",
    "Exposure Time": "exposure_time",
    "Exposure Scale": "exposure_scale",
    "Gamma": "gamma",
}
_HAMAMATSU = {
    "Magnification": "objective",
    "ScannerSerialNumber": "scanner",
    "Wavelength": "emission_wavelength_nm",
    "ExposureTime": "exposure_time_us",
    "XOffsetFromSlideCenter": "x_offset_nm",
    "YOffsetFromSlideCenter": "y_offset_nm",
}
_OME = {
    ("Objective", "NominalMagnification"): "objective",
    ("Objective", "LensNA"): "numerical_aperture",
    ("Microscope", "Manufacturer"): "make",
    ("Microscope", "Model"): "model",
    ("Detector", "Model"): "detector",
}
_PERKIN = {"Objective": "objective", "InstrumentType": "model", "ExposureTime": "exposure_time"}


def acquisition_metadata(
    file: tifffile.TiffFile, page: tifffile.TiffPage, ome_xml: str | None
) -> tuple[tuple[str, str], ...]:
    """Names and values, sorted by name. What cannot be understood is left out."""
    found: dict[str, str] = {}
    for read in (_baseline, _aperio, _hamamatsu, _perkin_elmer, _gdal):
        try:
            found |= {name: str(value)[:MAX_TEXT] for name, value in read(file, page)}
        except Exception:  # noqa: BLE001, S112  # tifffile's readers of vendors' texts raise whatever they like
            continue
    if ome_xml is not None:
        found |= dict(_ome(ome_xml))
    return tuple(sorted((name, value) for name, value in found.items() if value.strip()))


def _baseline(_file: tifffile.TiffFile, page: tifffile.TiffPage) -> Iterator[tuple[str, Any]]:
    for code, name in _TAGS.items():
        tag = page.tags.get(code)
        if tag is not None:
            yield name, str(tag.value).strip("\x00 ")


def _aperio(file: tifffile.TiffFile, page: tifffile.TiffPage) -> Iterator[tuple[str, Any]]:
    if not file.is_svs:
        return
    parts = [part.partition("=") for part in page.description.split("|")]
    stated = {key.strip(): value.strip() for key, _, value in parts}
    yield from ((name, stated[key]) for key, name in _APERIO.items() if key in stated)
    when = " ".join(str(stated[key]) for key in ("Date", "Time", "Time Zone") if key in stated)
    yield "acquired", when


def _hamamatsu(file: tifffile.TiffFile, page: tifffile.TiffPage) -> Iterator[tuple[str, Any]]:
    if not file.is_ndpi:
        return
    stated: Mapping[str, Any] = page.ndpi_tags or {}
    yield from (
        (name, stated[key]) for key, name in _HAMAMATSU.items() if stated.get(key) is not None
    )


def _perkin_elmer(file: tifffile.TiffFile, page: tifffile.TiffPage) -> Iterator[tuple[str, Any]]:
    if not file.is_qpi:
        return
    for element in ET.fromstring(page.description).iter():
        if element.tag in _PERKIN and element.text:
            yield _PERKIN[element.tag], element.text.strip()


def _gdal(_file: tifffile.TiffFile, page: tifffile.TiffPage) -> Iterator[tuple[str, Any]]:
    """GDAL's own tag: items of the whole image, not of a band."""
    tag = page.tags.get(42112)
    if tag is None:
        return
    for item in ET.fromstring(str(tag.value).strip("\x00 ")).iter("Item"):
        name = item.attrib["name"]
        if "sample" not in item.attrib and item.text and "RESAMPL" not in name:
            yield name, item.text.strip()


def _ome(xml: str) -> Iterator[tuple[str, str]]:
    try:
        elements = list(ET.fromstring(xml).iter())
    except ET.ParseError:
        return
    for element in elements:
        tag = element.tag.rsplit("}", 1)[-1]
        for (owner, attribute), name in _OME.items():
            if tag == owner and attribute in element.attrib:
                yield name, element.attrib[attribute][:MAX_TEXT]
        if tag == "AcquisitionDate" and element.text:
            yield "acquired", element.text.strip()[:MAX_TEXT]
