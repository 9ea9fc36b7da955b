"""The document of a DeepZoom pyramid."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from pipeline.errors import CorruptImageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What the document says."""

    height: int
    """Of level 0, in pixels."""
    width: int
    """Of level 0, in pixels."""
    tile_px: int
    """Side of a tile, without its overlap."""
    overlap_px: int
    """Pixels of its neighbours that a tile repeats on each side."""
    suffix: str
    """Of the tiles' names."""


def read_descriptor(text: bytes, uri: str) -> Descriptor:
    """Understand a `.dzi` document.

    Raises:
        CorruptImageError: if it is not one.
    """
    try:
        image = ET.fromstring(text)
        [size] = [child for child in image if child.tag.endswith("Size")]
        found = Descriptor(
            height=int(size.attrib["Height"]),
            width=int(size.attrib["Width"]),
            tile_px=int(image.attrib["TileSize"]),
            overlap_px=int(image.attrib["Overlap"]),
            suffix=image.attrib["Format"],
        )
    except (ET.ParseError, KeyError, ValueError) as error:
        raise CorruptImageError(
            f"{uri}: not a DeepZoom document: {type(error).__name__}: {error}; write the image again"
        ) from error
    is_sane = 0 < found.tile_px <= 2**14 and 0 <= found.overlap_px < found.tile_px
    if not is_sane or not (0 < found.height < 2**31 and 0 < found.width < 2**31):
        raise CorruptImageError(
            f"{uri}: {found.height} x {found.width} px in tiles of {found.tile_px} px that overlap by "
            f"{found.overlap_px}; write the image again"
        )
    return found
