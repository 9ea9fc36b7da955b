"""DeepZoom: a `.dzi` document, and beside it a directory of small pictures, `NAME_files/LEVEL/COLUMN_ROW.jpg`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, StorageError, UnsupportedImageError
from pipeline.images.picture.codec import bands_of, decode_picture, kind_of
from pipeline.images.picture.descriptor import Descriptor, read_descriptor
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.ranged_source import RangedSource, TilePlan
from pipeline.images.region import Region
from pipeline.images.tiff.plane import MAX_TILE_BYTES
from pipeline.images.tile import TileKey
from pipeline.storage.byte_range import ByteRange, Piece
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import shown
from pipeline.storage.storage import Storage

SMALLEST_SIDE_PX = 64
"""Levels go down to one pixel; smaller ones than this are of no use."""


class DeepZoomSource(RangedSource[TilePlan]):
    """A DeepZoom pyramid. Tiles are read from any thread, and cut to what their neighbours do not repeat.

    Args:
        uri: of the document, as the user gave it.
        storage: of the document; closed with the source.
        start: the whole document.

    Raises:
        ImageError: whatever is wrong with it.
        StorageError: if storage fails; `open_source` makes it an ImageAccessError.
    """

    def __init__(self, uri: str, storage: Storage, start: Piece) -> None:
        started = time.perf_counter()
        self.is_far = storage.is_far
        self.fingerprint: Fingerprint = start.identified(shown(uri))
        self._descriptor = read_descriptor(start.checked() or b"", shown(uri))
        name = unquote(shown(uri)) if storage.is_far else shown(uri)
        stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        self._document = storage
        self._storage = storage.beside(f"{stem}_files")
        self._levels = _levels(self._descriptor)
        self._top = _num_halvings(self._descriptor)
        [sample] = self._storage.fetch(
            [ByteRange(key=self._key(TileKey(len(self._levels) - 1, 0, 0)))]
        )
        samples = _first_samples(sample, self._storage.uri)
        kind = kind_of(sample.data or b"") or ""
        _check_memory(self._descriptor, samples, shown(uri))
        self.pyramid = Pyramid(
            uri=uri,
            format="deepzoom",
            levels=self._levels,
            dtype=samples.dtype.name,
            bands=bands_of(samples, kind),
        )
        cost = start.as_index + sample.as_index
        self.header = replace(cost, seconds=time.perf_counter() - started)

    def scan_bytes(self, level: int) -> int | None:
        """Of all tiles of a level, from the sizes of their files; None on a server, which has no list."""
        if self._storage.is_far:
            return None
        directory = Path(self._storage.uri) / str(self._top - level)
        return sum(path.stat().st_size for path in directory.glob(f"*.{self._descriptor.suffix}"))

    def close(self) -> None:
        """No reads from now on."""
        self._document.close()
        super().close()

    def _plan(self, key: TileKey, region: Region) -> TilePlan:
        return TilePlan(key=key, region=region, wanted=(ByteRange(key=self._key(key)),))

    def _decoded(
        self, plan: TilePlan, pieces: Sequence[Piece | None]
    ) -> NDArray[np.generic] | None:
        [stored] = [None if piece is None else piece.checked() for piece in pieces]
        if stored is None:
            raise ValueError("there is no such file")
        return self._cut(decode_picture(stored), plan.key, plan.region)

    def _name(self, plan: TilePlan) -> str:
        level, row, col = plan.key
        return f"{self._storage.child(self._key(plan.key))}: tile {row}, {col} of level {level}"

    def _key(self, key: TileKey) -> str:
        return f"{self._top - key.level}/{key.col}_{key.row}.{self._descriptor.suffix}"

    def _cut(
        self, samples: NDArray[np.generic], key: TileKey, region: Region
    ) -> NDArray[np.generic]:
        """(C, h, w) of (rows, columns, C), without what lies over the neighbours."""
        overlap = self._descriptor.overlap_px
        top, left = (overlap if at else 0 for at in (key.row, key.col))
        inside = samples[top : top + region.height, left : left + region.width]
        found = (*inside.shape, samples.dtype.name)
        wanted = (region.height, region.width, len(self.pyramid.bands), self.pyramid.dtype)
        if found != wanted:
            raise ValueError(f"it holds {found}, not {wanted}")
        return inside.transpose(2, 0, 1)


def _num_halvings(descriptor: Descriptor) -> int:
    """Number of the finest level; DeepZoom counts up from one pixel."""
    return math.ceil(math.log2(max(descriptor.height, descriptor.width)))


def _levels(descriptor: Descriptor) -> tuple[Level, ...]:
    levels: list[Level] = []
    height, width = descriptor.height, descriptor.width
    for number in range(_num_halvings(descriptor) + 1):
        rows, cols = -(-height // 2**number), -(-width // 2**number)
        if levels and max(rows, cols) < SMALLEST_SIDE_PX:
            break
        side = descriptor.tile_px
        levels.append(Level(rows, cols, side, side, height / rows, width / cols))
    return tuple(levels)


def _first_samples(piece: Piece, name: str) -> NDArray[np.generic]:
    """One decoded tile tells what samples there are."""
    try:
        stored = piece.checked()
        if stored is None:
            raise ValueError("it is not there")  # noqa: TRY301  # one way out for all that may be wrong
        return decode_picture(stored)
    except StorageError:
        raise
    except Exception as error:
        raise CorruptImageError(
            f"{name}: its first tile cannot be read: {error}; copy the image again, with its directory"
        ) from error


def _check_memory(descriptor: Descriptor, samples: NDArray[np.generic], name: str) -> None:
    side = descriptor.tile_px + 2 * descriptor.overlap_px
    num_bytes = side * side * samples.shape[2] * samples.itemsize
    if num_bytes > MAX_TILE_BYTES:
        raise UnsupportedImageError(
            f"{name}: tiles of {side} px are {num_bytes} bytes decoded; at most {MAX_TILE_BYTES} are read at "
            "once: write it in tiles of 254 px"
        )
