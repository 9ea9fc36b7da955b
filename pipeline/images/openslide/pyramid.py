"""What OpenSlide says of a slide, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.errors import CorruptImageError
from pipeline.images.pyramid import Level, PixelSize, Pyramid

if TYPE_CHECKING:
    from openslide import OpenSlide

DEFAULT_TILE_PX = 512
"""Side of a tile where OpenSlide knows no grid."""
MAX_TILE_PX = 2048
"""A grid with larger tiles is not followed: they are strips, or whole images."""
MAX_SIDE_PX = 2**21
"""A side that is longer is a lie: it would be half a metre on the glass."""
BANDS = ("red", "green", "blue", "alpha")


def slide_pyramid(uri: str, slide: OpenSlide) -> Pyramid:
    """Levels are whole, also where nothing was scanned.

    Raises:
        CorruptImageError: if OpenSlide believes sizes that no image has.
    """
    stated: Mapping[str, str] = slide.properties
    for width, height in slide.level_dimensions:
        if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
            raise CorruptImageError(
                f"{uri}: a level of {height} x {width} px; the slide is damaged, copy it again from where it "
                "came, with all files that belong to it"
            )
    sizes = zip(slide.level_dimensions, slide.level_downsamples, strict=True)
    return Pyramid(
        uri=uri,
        format=stated.get("openslide.vendor", "openslide"),
        levels=tuple(
            Level(
                height,
                width,
                _tile_px(stated, f"openslide.level[{index}].tile-height"),
                _tile_px(stated, f"openslide.level[{index}].tile-width"),
                downsample,
                downsample,
            )
            for index, ((width, height), downsample) in enumerate(sizes)
        ),
        dtype="uint8",
        bands=BANDS,
        pixel_size=_pixel_size(stated),
        metadata=_metadata(stated),
    )


def _tile_px(stated: Mapping[str, str], name: str) -> int:
    found = int(_number(stated.get(name)) or 0)
    return found if 0 < found <= MAX_TILE_PX else DEFAULT_TILE_PX


def _pixel_size(stated: Mapping[str, str]) -> PixelSize | None:
    y, x = (_number(stated.get(f"openslide.mpp-{axis}")) for axis in "yx")
    return PixelSize(y, x, "um") if y and x else None


def _metadata(stated: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    names = {"openslide.vendor": "make", "openslide.objective-power": "objective"}
    found = {name: stated[key] for key, name in names.items() if stated.get(key)}
    return tuple(sorted(found.items()))


def _number(text: str | None) -> float | None:
    """Positive and finite, or None."""
    try:
        value = float(text or 0)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
