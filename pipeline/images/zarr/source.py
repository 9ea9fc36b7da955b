"""OME-Zarr 0.4 and 0.5, chunked or sharded, near or far."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import (
    AllowanceSpentError,
    CorruptImageError,
    ImageChangedError,
    ImageError,
    ObjectChangedError,
    StorageError,
    TileReadError,
)
from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.images.tile_lookup import tile_region
from pipeline.images.zarr.documents import ZarrDocuments, read_documents
from pipeline.images.zarr.level import ZarrLevel
from pipeline.images.zarr.located import LocatedChunk, locate
from pipeline.images.zarr.shards import ShardIndexes
from pipeline.images.zarr.stored_files import stored_bytes
from pipeline.images.zarr.structure import ZarrStructure, read_structure
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange, Piece, tile_cost, total
from pipeline.storage.storage import Storage

_Fetched: TypeAlias = tuple[LocatedChunk, Piece | None]


class ZarrSource(Source):
    """An open OME-Zarr. Tiles are read from any thread. A tile is a chunk in y and x with all its bands.

    Args:
        uri: path or URL, as the user gave it.
        storage: of the group; closed with the source.
        start: the group's `zarr.json`, where that was read already.

    Raises:
        ImageError: whatever is wrong with it.
        StorageError: if storage fails; `open_source` makes it an ImageAccessError.
    """

    def __init__(self, uri: str, storage: Storage, start: Piece | None = None) -> None:
        started = time.perf_counter()
        self._storage = storage
        self._indexes = ShardIndexes()
        self._is_checked = False
        self.is_far = storage.is_far
        documents = read_documents(storage, start)
        try:
            structure = _structure(documents, uri)
        except ImageError as error:
            error.cost = documents.cost
            raise
        self._levels: tuple[ZarrLevel, ...] = structure.levels
        self.pyramid: Pyramid = structure.pyramid
        self.fingerprint = documents.fingerprint
        self.header = replace(documents.cost, seconds=time.perf_counter() - started)

    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """(C, H, W) each, cut at the image's edge; in the order asked for, decoded one after another."""
        started = time.perf_counter()
        regions = [self._region(key) for key in keys]
        known = [key for key, one in zip(keys, regions, strict=True) if isinstance(one, Region)]
        located = iter(locate(known, self._levels, self._indexes, self._storage))
        chunks = [next(located) if isinstance(one, Region) else [] for one in regions]
        ranges = [one.wanted for tile in chunks for one in tile if one.wanted is not None]
        try:
            pieces = iter(self._storage.fetch(ranges))
        except AllowanceSpentError as error:
            error.cost += _index_cost(chunks)
            raise
        waited_s = (time.perf_counter() - started) / max(1, len(keys))
        for key, region, own in zip(keys, regions, chunks, strict=True):
            if isinstance(region, FailedTile):
                yield region
                continue
            fetched = [next(pieces) if one.wanted is not None else None for one in own]
            yield self._answer(key, region, list(zip(own, fetched, strict=True)), waited_s)

    def scan_bytes(self, level: int) -> int | None:
        """Stored bytes of all chunks of a level, from the sizes of its files; None for a store on a server."""
        if self._storage.is_far:
            return None
        found = self._levels[level]
        return stored_bytes(found.layout, Path(self._storage.uri) / found.path)

    def stored_bytes(self, keys: Sequence[TileKey]) -> int | None:
        """From the indexes of shards, which are read for it, or from the sizes of files that are chunks."""
        chunks = [
            one for own in locate(keys, self._levels, self._indexes, self._storage) for one in own
        ]
        wanted = {one.wanted for one in chunks if one.wanted is not None}
        sizes = [self._size_of(one) for one in wanted]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def _size_of(self, wanted: ByteRange) -> int | None:
        if wanted.count is not None:
            return wanted.count
        if self._storage.is_far:
            return None
        path = Path(self._storage.uri) / wanted.key
        return path.stat().st_size if path.exists() else 0

    def stored(self, level: int) -> NDArray[np.bool_]:
        """From the indexes of shards, which are read for it; chunks that are files are looked for on disk."""
        found = self.pyramid.levels[level]
        keys = self.pyramid.tiles_in(level, Region(0, 0, found.height, found.width))
        located = locate(keys, self._levels, self._indexes, self._storage)
        costs = [one.index_cost for chunks in located for one in chunks if one.index_cost]
        self.header = total([self.header, *costs])
        is_stored = [any(map(self._may_be_stored, chunks)) for chunks in located]
        if not all(is_stored):
            self.header += self._refuse_emptied(self._levels[level])
        return np.array(is_stored, np.bool_).reshape(found.num_rows, found.num_cols)

    def _may_be_stored(self, chunk: LocatedChunk) -> bool:
        if chunk.error is not None:
            return True  # the look that meets it tells what is wrong
        return chunk.wanted is not None and self._size_of(chunk.wanted) != 0

    def close(self) -> None:
        """Reading afterwards fails."""
        self._storage.close()

    def _region(self, key: TileKey) -> Region | FailedTile:
        try:
            return tile_region(self.pyramid, key)
        except TileReadError as error:
            return FailedTile(key, error, is_final=True)

    def _answer(
        self, key: TileKey, region: Region, chunks: Sequence[_Fetched], waited_s: float
    ) -> TileAnswer:
        started = time.perf_counter()
        level = self._levels[key.level]
        fetched = [piece for _, piece in chunks if piece is not None]
        cost = _index_cost([[one for one, _ in chunks]])
        parts: list[tuple[int, NDArray[np.generic]]] = []
        for chunk, piece in chunks:
            try:
                stored = _stored(chunk, piece)
                if stored is None:
                    cost += self._refuse_emptied(level)
                else:
                    parts.append((chunk.first_band, level.bands_of(stored)))
            except ObjectChangedError as error:
                raise ImageChangedError(str(error)) from error
            except Exception as error:  # noqa: BLE001  # zarr and its codecs raise whatever they like on damaged data
                own = self._told(key, chunk, error)
                is_final = self.is_far and isinstance(error, StorageError)
                return FailedTile(key, own, cost + tile_cost(fetched, waited_s), is_final)
        data = self._joined(parts, region, level) if parts else None
        seconds = waited_s + time.perf_counter() - started
        return Tile(key, data, cost + tile_cost(fetched, seconds))

    def _refuse_emptied(self, level: ZarrLevel) -> Acquisition:
        """A store that was moved or unmounted must not pass for one that is empty by design; what asking cost."""
        name = f"{level.path}/{level.document}"
        gone = StorageError(f"{self._storage.child(level.path)} is no longer there")
        if not self.is_far:
            if not (Path(self._storage.uri) / name).exists():
                raise gone
            return Acquisition()
        if self._is_checked:  # a request each time would cost more than it tells
            return Acquisition()
        try:
            [piece] = self._storage.fetch([ByteRange(key=name)])
        except AllowanceSpentError as error:  # what cannot be paid for is not asked
            return error.cost
        self._is_checked = True
        if piece.checked() is None:
            raise gone
        return piece.as_index

    def _joined(
        self, parts: Sequence[tuple[int, NDArray[np.generic]]], region: Region, level: ZarrLevel
    ) -> NDArray[np.generic]:
        """(C, h, w) of chunks that hold some bands each; bands that are not stored show the fill value."""
        first, samples = parts[0]
        if len(samples) >= level.num_bands and first == 0:
            return samples[: level.num_bands, : region.height, : region.width]
        shape = (level.num_bands, region.height, region.width)
        data = np.full(shape, level.layout.fill_value, level.dtype)
        for first, samples in parts:
            part = data[first : first + len(samples)]
            part[:] = samples[: len(part), : region.height, : region.width]
        return data

    def _told(self, key: TileKey, chunk: LocatedChunk, error: Exception) -> TileReadError:
        where = f"{self._storage.child(chunk.name)}: tile {key.row}, {key.col} of level {key.level} cannot be read"
        if isinstance(error, StorageError):
            return TileReadError(f"{where}: {error}")
        return TileReadError(
            f"{where}: {type(error).__name__}: {error}; the file is damaged, copy it again from where it came"
        )


def _stored(chunk: LocatedChunk, piece: Piece | None) -> bytes | None:
    """Bytes of a chunk, None where none is stored."""
    if chunk.error is not None:
        raise chunk.error
    return None if piece is None else piece.checked()


def _index_cost(tiles: Sequence[Sequence[LocatedChunk]]) -> Acquisition:
    """What finding their chunks cost."""
    return total(one.index_cost for own in tiles for one in own if one.index_cost is not None)


def _structure(documents: ZarrDocuments, uri: str) -> ZarrStructure:
    """The boundary: whatever zarr raises on a hostile store becomes our own error, here and once."""
    try:
        return read_structure(documents, uri)
    except ImageError:
        raise
    except Exception as error:
        raise CorruptImageError(
            f"{uri}: not an OME-Zarr that can be understood: {type(error).__name__}: {error}; if it "
            "opens elsewhere, write it again from there"
        ) from error
