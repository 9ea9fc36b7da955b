"""One level of an OME-Zarr: an array, and which of its chunks hold a tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.images.pyramid import Level
from pipeline.images.tiff.plane import MAX_TILE_BYTES
from pipeline.images.tile import TileKey
from pipeline.images.zarr.chunks import ChunkLayout

MAX_BANDS = 65535
"""As in a TIFF; more is no image."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZarrLevel:
    """An array and where its dimensions stand; y and x are the last two."""

    path: str
    """Of the array within the image."""
    document: str
    """Name of its metadata document."""
    layout: ChunkLayout
    """Which chunks there are."""
    channel_axis: int | None
    """Dimension of the bands; None: there is one band."""

    @property
    def num_bands(self) -> int:
        """Bands of the image."""
        return 1 if self.channel_axis is None else self.layout.shape[self.channel_axis]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of samples in memory."""
        return self.layout.dtype.newbyteorder("=")

    def plan(self, finest: ZarrLevel, uri: str) -> Level:
        """Its place in the pyramid.

        Raises:
            CorruptImageError: if it does not go with the finest level.
            UnsupportedImageError: if its tiles are too large, or its samples are no numbers.
        """
        shape, chunks, other = self.layout.shape, self.layout.chunks, finest.layout
        is_alike = shape[:-2] == other.shape[:-2] and self.dtype == finest.dtype
        if min(*shape, *chunks) < 1 or not is_alike:
            raise CorruptImageError(
                f"{uri}: a level of shape {shape}, chunks {chunks}, {self.dtype}, beside one of shape "
                f"{other.shape}, {finest.dtype}; write the image again"
            )
        if self.dtype.kind not in "biuf" or self.num_bands > MAX_BANDS:
            raise UnsupportedImageError(
                f"{uri}: {self.num_bands} bands of {self.dtype}; wanted numbers, and at most "
                f"{MAX_BANDS} bands"
            )
        num_bytes = max(prod(chunks), self.num_bands * prod(chunks[-2:])) * self.dtype.itemsize
        if num_bytes > MAX_TILE_BYTES:
            raise UnsupportedImageError(
                f"{uri}: one chunk is {chunks}, {num_bytes} bytes decoded with all its bands; at most "
                f"{MAX_TILE_BYTES} are read at once: write it in chunks of 256 x 256"
            )
        (height, width), (full_height, full_width) = shape[-2:], other.shape[-2:]
        return Level(
            height, width, chunks[-2], chunks[-1], full_height / height, full_width / width
        )

    def chunks_of(self, key: TileKey) -> Iterator[tuple[int, tuple[int, ...]]]:
        """First band and index of each chunk that holds a tile."""
        axis, leading = self.channel_axis, len(self.layout.shape) - 2
        step = self.num_bands if axis is None else self.layout.chunks[axis]
        for number, first in enumerate(range(0, self.num_bands, step)):
            before = [number if at == axis else 0 for at in range(leading)]
            yield first, (*before, key.row, key.col)

    def key_of(self, chunk: tuple[int, ...]) -> str:
        """Name of the object that holds a chunk, within the image."""
        return f"{self.path}/{self.layout.key_of(chunk)}"

    def bands_of(self, stored: bytes) -> NDArray[np.generic]:
        """(bands of the chunk, chunk height, chunk width) of a chunk's stored bytes.

        Raises:
            Exception: whatever zarr and its codecs raise on damaged data.
        """
        samples = self.layout.decode(stored)
        leading = samples.ndim - 2
        at = tuple(slice(None) if axis == self.channel_axis else 0 for axis in range(leading))
        bands = samples[at]
        return bands if self.channel_axis is not None else bands[None]
