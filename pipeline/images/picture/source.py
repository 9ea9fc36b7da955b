"""PNG, JPEG, JPEG 2000 and WebP as they are: one level, one tile, read and decoded whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import (
    CorruptImageError,
    ImageError,
    TileReadError,
    UnsupportedImageError,
)
from pipeline.images.picture.codec import bands_of, decode_picture, kind_of
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.images.tile_lookup import tile_region
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange, Piece, tile_cost
from pipeline.storage.place import shown
from pipeline.storage.storage import Storage, closed

MAX_FILE_BYTES = 256 * 2**20
"""A longer file is refused: one look would read it whole."""


class PictureSource(Source):
    """A picture file in memory. Whatever is looked at, all of it has been read: zooming in saves nothing here.

    Raises:
        ImageError: whatever is wrong with the file.
        StorageError: if storage fails; `open_source` makes it an ImageAccessError.
    """

    def __init__(self, uri: str, storage: Storage, start: Piece) -> None:
        started = time.perf_counter()
        self._storage = storage
        self._is_open = True
        self._lock = threading.Lock()
        self.fingerprint = start.identified(shown(uri))
        self.header = start.as_index
        rest = _rest(uri, storage, start, self.fingerprint.size_bytes)
        stored = (start.data or b"") + (rest.checked() or b"")
        try:
            samples = decode_picture(stored)
        except Exception as error:
            own = _told(uri, error)
            own.cost = self.header + tile_cost([rest], 0.0)
            raise own from error
        self._stored = stored
        self._decoded: NDArray[np.generic] | None = samples
        kind = kind_of(stored) or ""
        height, width = samples.shape[:2]
        self.pyramid = Pyramid(
            uri=uri,
            format=kind,
            levels=(Level(height, width, height, width, 1.0, 1.0),),
            dtype=samples.dtype.name,
            bands=bands_of(samples, kind),
        )
        self._num_bytes = rest.num_bytes
        self._pending = tile_cost([rest], time.perf_counter() - started)

    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """The one tile. The first look at it bears the cost of the file."""
        for key in keys:
            try:
                tile_region(self.pyramid, key)
            except TileReadError as error:
                yield FailedTile(key, error, is_final=True)
                continue
            if not self._is_open:
                text = str(closed(shown(self.pyramid.uri)))
                yield FailedTile(key, TileReadError(text), is_final=True)
                continue
            yield self._tile(key)

    def _tile(self, key: TileKey) -> Tile:
        """Decoded when it was opened, or anew: what was read is kept, what was decoded is the cache's to keep."""
        with self._lock:
            samples, self._decoded = self._decoded, None
            cost, self._pending = self._pending, Acquisition()
        if samples is None:
            samples = decode_picture(self._stored)
        return Tile(key, samples.transpose(2, 0, 1), cost)  # (C, h, w)

    def scan_bytes(self, level: int) -> int | None:
        """Of the file, less its start, which is read to tell what it is."""
        return self._num_bytes if level == 0 else None

    def close(self) -> None:
        """Close the file."""
        self._is_open = False
        self._storage.close()


def _rest(uri: str, storage: Storage, start: Piece, size_bytes: int) -> Piece:
    """What of the file follows its start."""
    if size_bytes > MAX_FILE_BYTES:
        raise UnsupportedImageError(
            f"{shown(uri)}: {size_bytes} bytes in one piece, at most {MAX_FILE_BYTES} are read at once; write it "
            "as a tiled TIFF or OME-Zarr"
        )
    offset = start.num_bytes
    if offset >= size_bytes:
        return Piece(data=b"")
    wanted = ByteRange(offset=offset, count=size_bytes - offset, version=start.fingerprint)
    [piece] = storage.fetch([wanted])
    return piece


def _told(uri: str, error: Exception) -> ImageError:
    kind = UnsupportedImageError if isinstance(error, NotImplementedError) else CorruptImageError
    return kind(
        f"{shown(uri)}: a picture that cannot be decoded: {type(error).__name__}: {error}; if it opens "
        "elsewhere, write it again from there"
    )
