"""What the samples of a TIFF mean, and how decoded ones become them."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

import numpy as np
import tifffile
from numpy.typing import NDArray

_ALPHA = (1, 2)
"""ExtraSamples codes: associated and unassociated alpha."""
_RGB_CODECS = (6, 7, 33003, 33005, 34712)
"""Codecs that turn YCbCr into RGB while decoding: both JPEGs, the JPEG 2000s."""
_NAMES = {
    "RGB": ("red", "green", "blue"),
    "SEPARATED": ("cyan", "magenta", "yellow", "black"),
    "CIELAB": ("lab_l", "lab_a", "lab_b"),
    "ICCLAB": ("lab_l", "lab_a", "lab_b"),
    "ITULAB": ("lab_l", "lab_a", "lab_b"),
    "LOGLUV": ("luv_l", "luv_u", "luv_v"),
    "YCBCR": ("ycbcr_y", "ycbcr_cb", "ycbcr_cr"),
}


def channel_names(pages: Sequence[object], ome_xml: str | None) -> list[str]:
    """What OME-TIFF or QPTIFF call the channels of an image; nothing where they do not, or not all differently."""
    if ome_xml is not None:
        return _distinct(_ome_channels(ome_xml))
    return _distinct([_perkin_elmer_name(page) for page in pages])


def band_names(page: tifffile.TiffPage, num_bands: int, channels: Sequence[str]) -> tuple[str, ...]:
    """A name per band of the image. `channels` are used where the colour space does not name them."""
    kind = photometric(page)
    if is_palette(page, num_bands):
        return _NAMES["RGB"]
    if kind == "YCBCR" and int(page.compression) in _RGB_CODECS:
        kind = "RGB"
    has_alpha = bool(page.extrasamples) and int(page.extrasamples[-1]) in _ALPHA and num_bands > 1
    is_gray = kind in ("MINISBLACK", "MINISWHITE") and num_bands - has_alpha == 1
    known = _NAMES.get(kind, ("gray",) if is_gray else ())
    names = [*known[:num_bands], *(f"band_{i}" for i in range(len(known), num_bands))]
    if has_alpha:
        names[-1] = "alpha"
    return tuple(channels) if len(channels) == num_bands and not known else tuple(names)


def photometric(page: tifffile.TiffPage) -> str:
    """Name of the colour space; unknown codes by number."""
    return str(getattr(page.photometric, "name", page.photometric))


def is_palette(page: tifffile.TiffPage, num_bands: int) -> bool:
    """Whether samples are indices into a colour map. In multi-channel files the map is only for display."""
    return photometric(page) == "PALETTE" and num_bands == 1 and page.colormap is not None


class SampleMeaning:
    """Turns decoded samples, (h, w, S), into what the bands are called; most files need nothing."""

    def __init__(self, page: tifffile.TiffPage, num_bands: int) -> None:
        self._colours = _colour_map(page) if is_palette(page, num_bands) else None
        self._is_inverted = photometric(page) == "MINISWHITE"
        self._top = 2 ** int(page.bitspersample) - 1
        stored = np.dtype(page.dtype).newbyteorder("=")
        self._is_bilevel = stored == np.bool_
        self._stored = stored
        self.dtype = np.dtype(np.uint8) if self._is_bilevel or self._colours is not None else stored
        self._stored_nodata = _nodata(page)

    @property
    def nodata(self) -> float | None:
        """What the "no data" value has become, or None: colours of a map stand for other indices too."""
        value = self._stored_nodata
        if value is None or self._colours is not None:
            return None
        if self._is_bilevel:
            return 255.0 if bool(value) != self._is_inverted else 0.0
        return self._top - value if self._is_inverted and self.dtype.kind == "u" else value

    def absent(self, height: int, width: int) -> NDArray[np.generic]:
        """(height, width, 1) as stored, for a band that is not there while others are: no data, or 0."""
        samples = np.zeros((height, width, 1), self._stored)
        value = self._stored_nodata
        if value is not None and _fits(value, self._stored):
            samples[:] = value
        return samples

    def apply(self, samples: NDArray[np.generic]) -> NDArray[np.generic]:
        """(h, w, S) as stored to (h, w, C) in `dtype`."""
        if self._colours is not None:
            indices = np.minimum(samples[:, :, 0].astype(np.int64), len(self._colours) - 1)
            return self._colours[indices]  # (h, w, 3)
        if self._is_bilevel:
            bright = samples.astype(np.bool_) != self._is_inverted
            return np.where(bright, np.uint8(255), np.uint8(0))
        native = samples.astype(self.dtype, copy=False)
        if self._is_inverted and self.dtype.kind == "u":
            return self.dtype.type(self._top) - native
        return native


def _nodata(page: tifffile.TiffPage) -> float | None:
    """GDAL's value, written as text."""
    tag = page.tags.get(42113)
    if tag is None:
        return None
    try:
        return float(str(tag.value).strip("\x00 "))
    except ValueError:
        return None


def _fits(value: float, dtype: np.dtype[np.generic]) -> bool:
    if dtype.kind not in "iu":
        return dtype.kind == "f"
    info = np.iinfo(dtype.name)
    return bool(info.min <= value <= info.max) and value.is_integer()


def _colour_map(page: tifffile.TiffPage) -> NDArray[np.uint8]:
    """(entries, 3); maps are 16 bit, but some writers fill only the low byte."""
    table = np.asarray(page.colormap).T  # (entries, 3)
    return (table >> 8 if table.max() > 255 else table).astype(np.uint8)


def _ome_channels(xml: str) -> list[str]:
    """Channel names of the first image, where all have one."""
    pixels = next((e for e in ET.fromstring(xml).iter() if e.tag.endswith("Pixels")), None)
    channels = [] if pixels is None else [e for e in pixels if e.tag.endswith("Channel")]
    return [channel.attrib.get("Name", "") for channel in channels]


def _perkin_elmer_name(page: object) -> str:
    """Of a page of a QPTIFF, by the XML in its description."""
    text = getattr(page, "description", "")
    if "PerkinElmer-QPI" not in text:
        return ""
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return ""
    names = (root.findtext("Biomarker"), root.findtext("Name"))
    return next((name.strip() for name in names if name and name.strip()), "")


def _distinct(names: list[str]) -> list[str]:
    return names if all(names) and len(set(names)) == len(names) else []
