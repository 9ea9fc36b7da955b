"""OME-Zarr 0.4 and 0.5 in a local directory, chunked or sharded."""

from __future__ import annotations

import os
import stat
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, ImageError, TileReadError, UnsupportedImageError
from pipeline.images.acquisition import Acquisition
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.source import Fingerprint
from pipeline.images.tiff_structure import MAX_TILE_BYTES
from pipeline.images.tile import Tile, TileKey
from pipeline.images.zarr_chunks import MISSING, ChunkLayout, open_array, open_group
from pipeline.images.zarr_structure import Multiscale, channel_names, read_multiscale

METADATA_NAMES = ("zarr.json", ".zgroup", ".zattrs", ".zarray", ".zmetadata")
MAX_SHARD_INDEXES = 1024
"""Indexes kept; the oldest is read again when it is needed again."""


@dataclass(frozen=True, slots=True, eq=False)
class _Array:
    """One level."""

    directory: Path
    """Of its chunks."""
    layout: ChunkLayout
    """Which chunks there are."""


class ZarrSource:
    """An open OME-Zarr. Tiles are read from any thread.

    Raises:
        ImageError: whatever is wrong with it.
    """

    def __init__(self, path: str) -> None:
        started = time.perf_counter()
        self._path = path
        self._is_open = True
        self._shard_indexes: OrderedDict[Path, NDArray[np.uint64]] = OrderedDict()
        self._lock = Lock()
        multiscale, self._arrays = _opened(path)
        self._channel_axis = multiscale.axes.index("c") if "c" in multiscale.axes else None
        self.pyramid: Pyramid = self._plan(multiscale)
        self.fingerprint = fingerprint_of_zarr(Path(path))
        size, count = _metadata_cost(Path(path), multiscale.paths)
        self.header = Acquisition(size, size, count, time.perf_counter() - started)

    def read_tile(self, key: TileKey) -> Tile:
        """One stored chunk in y and x with all its bands, (C, H, W), cut at the image's edge.

        Raises:
            TileReadError: whatever was wrong with it.
        """
        started = time.perf_counter()
        array = self._arrays[key.level]
        region = self.pyramid.levels[key.level].tile_region(key.row, key.col)
        data = np.empty((len(self.pyramid.bands), region.height, region.width), self._dtype(array))
        cost, is_stored = Acquisition(), False
        for first, chunk in self._chunks_of(key):
            try:
                stored, read = self._fetch(array, chunk)
                samples = self._bands_of(array, stored)
            except (
                Exception
            ) as error:  # zarr and its codecs raise whatever they like on damaged data
                raise TileReadError(self._told(array, chunk, error)) from error
            cost += read
            is_stored = is_stored or stored is not None
            part = samples[: len(data) - first, : region.height, : region.width]
            data[first : first + len(part)] = part
        seconds = time.perf_counter() - started
        spent = Acquisition(
            cost.requested_bytes, cost.transferred_bytes, cost.num_requests, seconds
        )
        return Tile(key, data if is_stored else None, spent)

    def scan_bytes(self, level: int) -> int:
        """Stored bytes of all chunks of a level, from the sizes of its files."""
        array = self._arrays[level]
        index = array.layout.shard_index
        per_file = index.num_bytes if index is not None else 0
        return sum(
            entry.st_size - per_file
            for entry in map(_stat_or_none, map(array.directory.joinpath, array.layout.all_keys()))
            if entry is not None
        )

    def close(self) -> None:
        """Nothing is held open; reading afterwards fails all the same."""
        self._is_open = False

    def _plan(self, multiscale: Multiscale) -> Pyramid:
        finest = self._arrays[0].layout
        for name, side in zip(multiscale.axes[:-2], finest.shape[:-2], strict=True):
            if name != "c" and side > 1:
                raise UnsupportedImageError(
                    f"{self._path}: axis {name} is {side} long; wanted one focal plane and one time: "
                    "write the one to look at as an image of its own"
                )
        axis = self._channel_axis
        num_bands = finest.shape[axis] if axis is not None else 1
        levels = [_level(array.layout, finest, self._path) for array in self._arrays]
        return Pyramid(
            uri=self._path,
            format=f"ome-zarr-{multiscale.version}",
            levels=tuple(levels),
            dtype=self._dtype(self._arrays[0]).name,
            bands=channel_names(multiscale, num_bands),
            pixel_size=multiscale.pixel_size,
        )

    def _dtype(self, array: _Array) -> np.dtype[np.generic]:
        return array.layout.dtype.newbyteorder("=")

    def _chunks_of(self, key: TileKey) -> list[tuple[int, tuple[int, ...]]]:
        """First band and index of each chunk that holds a tile."""
        layout, axis = self._arrays[key.level].layout, self._channel_axis
        leading = len(layout.shape) - 2
        step = layout.chunks[axis] if axis is not None else 1
        found = []
        for number, first in enumerate(range(0, len(self.pyramid.bands), step)):
            before = [number if at == axis else 0 for at in range(leading)]
            found.append((first, (*before, key.row, key.col)))
        return found

    def _bands_of(self, array: _Array, stored: bytes | None) -> NDArray[np.generic]:
        """(bands of the chunk, tile height, tile width)."""
        layout, axis = array.layout, self._channel_axis
        bands = layout.chunks[axis] if axis is not None else 1
        shape = (bands, *layout.chunks[-2:])
        if stored is None:
            return np.full(shape, layout.fill_value, self._dtype(array))
        return layout.decode(stored).reshape(shape)

    def _fetch(self, array: _Array, chunk: tuple[int, ...]) -> tuple[bytes | None, Acquisition]:
        """Stored bytes of a chunk, None where none are stored, and what that cost."""
        if not self._is_open:
            raise ValueError("the image is closed")
        path = array.directory / array.layout.key_of(chunk)
        if array.layout.shard_index is not None:
            return self._fetch_from_shard(array.layout, path, chunk)
        stored = _read_range(path, 0, None)
        count = 0 if stored is None else len(stored)
        return stored, Acquisition(count, count, 1)

    def _fetch_from_shard(
        self, layout: ChunkLayout, path: Path, chunk: tuple[int, ...]
    ) -> tuple[bytes | None, Acquisition]:
        index, cost = self._index_of(layout, path)
        if index is None:
            return None, cost
        offset, count = (int(value) for value in index[layout.place_in_shard(chunk)])
        if offset == MISSING:
            return None, cost
        stored = _read_range(path, offset, count)
        if stored is None:
            raise FileNotFoundError(path)
        return stored, cost + Acquisition(count, count, 1)

    def _index_of(
        self, layout: ChunkLayout, path: Path
    ) -> tuple[NDArray[np.uint64] | None, Acquisition]:
        with self._lock:
            if path in self._shard_indexes:
                self._shard_indexes.move_to_end(path)
                return self._shard_indexes[path], Acquisition()
        place = layout.shard_index
        if place is None:
            raise ValueError("the array is not sharded")
        found = _stat_or_none(path)
        if found is None:
            return None, Acquisition(0, 0, 1)
        first = found.st_size - place.num_bytes if place.is_at_end else 0
        stored = _read_range(path, first, place.num_bytes)
        index = layout.decode_index(stored or b"")
        with self._lock:
            self._shard_indexes[path] = index
            if len(self._shard_indexes) > MAX_SHARD_INDEXES:
                self._shard_indexes.popitem(last=False)
        return index, Acquisition(0, place.num_bytes, 1)

    def _told(self, array: _Array, chunk: tuple[int, ...], error: Exception) -> str:
        path = array.directory / array.layout.key_of(chunk)
        return (
            f"{path}: chunk {chunk} cannot be read: {type(error).__name__}: {error}; the file is "
            "damaged, copy it again from where it came"
        )


def fingerprint_of_zarr(path: Path) -> Fingerprint:
    """Of the metadata documents of a group and its arrays: writing an array anew renews one of them."""
    found = [_stat_or_none(p / name) for p in _groups(path) for name in METADATA_NAMES]
    there = [entry for entry in found if entry is not None]
    return Fingerprint(
        sum(entry.st_size for entry in there), max((e.st_mtime_ns for e in there), default=0)
    )


def _groups(path: Path) -> list[Path]:
    return [path, *sorted(entry for entry in path.iterdir() if entry.is_dir())]


def _opened(path: str) -> tuple[Multiscale, tuple[_Array, ...]]:
    """The boundary: whatever zarr raises on a hostile store becomes our own error, here and once."""
    try:
        group, attributes = open_group(path)
        multiscale = read_multiscale(attributes, path)
        arrays = tuple(
            _Array(Path(path) / name, ChunkLayout(open_array(group, name), path))
            for name in multiscale.paths
        )
    except ImageError:
        raise
    except Exception as error:
        raise CorruptImageError(
            f"{path}: not an OME-Zarr that can be understood: {type(error).__name__}: {error}; if it "
            "opens elsewhere, write it again from there"
        ) from error
    return multiscale, _shrinking(arrays)


def _shrinking(arrays: tuple[_Array, ...]) -> tuple[_Array, ...]:
    """Finest first, each level smaller than the one before."""
    ordered = sorted(arrays, key=lambda one: -int(np.prod(one.layout.shape[-2:])))
    kept = ordered[:1]
    for array in ordered[1:]:
        if np.prod(array.layout.shape[-2:]) < np.prod(kept[-1].layout.shape[-2:]):
            kept.append(array)
    return tuple(kept)


def _level(layout: ChunkLayout, finest: ChunkLayout, path: str) -> Level:
    height, width = layout.shape[-2:]
    if min(*layout.shape, *layout.chunks) < 1 or len(layout.shape) != len(finest.shape):
        raise CorruptImageError(f"{path}: a level of shape {layout.shape}, chunks {layout.chunks}")
    num_bytes = int(np.prod(layout.chunks)) * layout.dtype.itemsize
    if num_bytes > MAX_TILE_BYTES:
        raise UnsupportedImageError(
            f"{path}: one chunk is {layout.chunks}, {num_bytes} bytes decoded; at most "
            f"{MAX_TILE_BYTES} are read at once: write it in chunks of 256 x 256"
        )
    full_height, full_width = finest.shape[-2:]
    tile_height, tile_width = layout.chunks[-2:]
    return Level(height, width, tile_height, tile_width, full_height / height, full_width / width)


def _metadata_cost(path: Path, arrays: tuple[str, ...]) -> tuple[int, int]:
    """Bytes and number of the documents that opening reads."""
    places = [path, *(path / name for name in arrays)]
    found = [_stat_or_none(place / name) for place in places for name in METADATA_NAMES]
    sizes = [entry.st_size for entry in found if entry is not None]
    return sum(sizes), len(sizes)


def _stat_or_none(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _read_range(path: Path, offset: int, count: int | None) -> bytes | None:
    """Bytes of a regular file (never a pipe, which would wait for ever); None if there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is not a regular file")
        wanted = status.st_size - offset if count is None else count
        if offset < 0 or wanted < 0 or offset + wanted > status.st_size:
            raise ValueError(f"bytes {offset} to {offset + wanted} of {status.st_size}")
        return os.pread(descriptor, wanted, offset)
    finally:
        os.close(descriptor)
