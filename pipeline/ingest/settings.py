"""How an image is written: what the user chose, and what decides whether two ingests are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.errors import UnsupportedImageError, UsageError
from pipeline.images.pyramid import Pyramid

CodecName = Literal["blosc", "zstd", "jpeg"]
CODECS: tuple[CodecName, ...] = ("blosc", "zstd", "jpeg")
DEFAULT_QUALITY = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """What the user chose."""

    codec: CodecName = "blosc"
    """`blosc`: zstd on shuffled bits, lossless. `zstd`: plain, lossless. `jpeg`: lossy."""
    quality: int = DEFAULT_QUALITY
    """Of `jpeg`, 1 to 100."""

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise UsageError(f"--codec {self.codec}: wanted one of {', '.join(CODECS)}")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"--quality {self.quality}: wanted 1 to 100")

    @property
    def is_lossy(self) -> bool:
        """Whether pixels change."""
        return self.codec == "jpeg"


def can_be_jpeg(pyramid: Pyramid) -> bool:
    """Whether JPEG can hold such samples: 8 bits, one band or three colours, every value a measurement."""
    is_colour = set(pyramid.bands) == {"red", "green", "blue"} and len(pyramid.bands) == 3
    has_shape = is_colour or len(pyramid.bands) == 1
    return pyramid.dtype == "uint8" and has_shape and pyramid.nodata is None


def refuse_loss(pyramid: Pyramid, *, is_source_lossy: bool) -> None:
    """Stand in the way of a lossy codec that would spoil an image.

    Raises:
        UnsupportedImageError: if it would.
    """
    if not is_source_lossy:
        raise UnsupportedImageError(
            f"{pyramid.uri}: it is stored without loss, and --codec jpeg would change its pixels; it is only "
            "for images that are JPEG already: ingest this one with --codec blosc"
        )
    if not can_be_jpeg(pyramid):
        raise UnsupportedImageError(
            f"{pyramid.uri}: {len(pyramid.bands)} bands of {pyramid.dtype}"
            f"{'' if pyramid.nodata is None else ' with a no-data value'}; --codec jpeg wants 8 bits in one "
            "band or in red, green, blue, and no no-data value: use --codec blosc"
        )
