"""TIFF and its family, read where they lie: SVS, OME-TIFF, GeoTIFF/COG, pyramidal, plain."""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, ImageError, TileReadError
from pipeline.images.acquisition import Acquisition
from pipeline.images.pyramid import Pyramid
from pipeline.images.source import Fingerprint
from pipeline.images.tiff_structure import Plane, TiffStructure, read_structure
from pipeline.images.tile import Tile, TileKey


class TiffSource:
    """An open TIFF on a local disk. Tiles are read by position, from any thread.

    Raises:
        ImageError: whatever is wrong with the file.
    """

    def __init__(self, path: str) -> None:
        started = time.perf_counter()
        self._descriptor = os.open(path, os.O_RDONLY)
        self._is_open = True
        self._path = path
        try:
            status = os.fstat(self._descriptor)
            self._size = status.st_size
            self.fingerprint = Fingerprint(status.st_size, status.st_mtime_ns)
            counting = _CountingFile(os.dup(self._descriptor))
            self._structure = _structure(counting, path)
        except BaseException:
            self.close()
            raise
        seconds = time.perf_counter() - started
        num_bytes, num_reads = counting.num_bytes, counting.num_reads
        self.header = Acquisition(num_bytes, num_bytes, num_reads, seconds)

    @property
    def pyramid(self) -> Pyramid:
        """Structure of the image."""
        return self._structure.pyramid

    def read_tile(self, key: TileKey) -> Tile:
        """One stored tile, (C, H, W), cut at the image's edge.

        Raises:
            TileReadError: whatever was wrong with it.
        """
        started = time.perf_counter()
        level = self.pyramid.levels[key.level]
        index = key.row * level.num_cols + key.col
        planes = self._structure.planes[key.level]
        num_bytes = sum(int(plane.byte_counts[index]) for plane in planes)
        if num_bytes == 0:
            return Tile(key, None)
        parts = [self._read_plane(plane, key, index) for plane in planes]
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)  # (h, w, S)
        data = np.moveaxis(self._structure.meaning.apply(samples), 2, 0)  # (C, h, w)
        seconds = time.perf_counter() - started
        return Tile(key, data, Acquisition(num_bytes, num_bytes, len(planes), seconds))

    def scan_bytes(self, level: int) -> int:
        """Stored bytes of all tiles of a level, from the index."""
        return sum(int(plane.byte_counts.sum()) for plane in self._structure.planes[level])

    def close(self) -> None:
        """Close the file."""
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)

    def _read_plane(self, plane: Plane, key: TileKey, index: int) -> NDArray[np.generic]:
        offset, count = int(plane.offsets[index]), int(plane.byte_counts[index])
        region = self.pyramid.levels[key.level].tile_region(key.row, key.col)
        try:
            stored = self._pread(offset, count)
            samples = plane.decode(stored, plane.first_segment + index)
            found = samples.shape[:2]
            if found[0] < region.height or found[1] < region.width:
                raise ValueError(f"decoded to {found}, not {(region.height, region.width)}")  # noqa: TRY301  # one way out for all that may be wrong
        except (
            Exception
        ) as error:  # tifffile and its codecs raise whatever they like on damaged data
            raise TileReadError(
                f"{self._path}: tile {key.row}, {key.col} of level {key.level} (bytes {offset} to "
                f"{offset + count}) cannot be read: {type(error).__name__}: {error}; the file is "
                "damaged there, copy it again from where it came"
            ) from error
        return samples[: region.height, : region.width]

    def _pread(self, offset: int, count: int) -> bytes:
        if not self._is_open:
            raise ValueError("the image is closed")
        if offset < 0 or count < 0 or offset + count > self._size:
            raise ValueError(f"the file ends at {self._size}")
        stored = os.pread(self._descriptor, count, offset)
        while len(stored) < count:
            more = os.pread(self._descriptor, count - len(stored), offset + len(stored))
            if not more:
                raise ValueError(f"only {len(stored)} of {count} bytes are there")
            stored += more
        return stored


class _CountingFile(io.FileIO):
    """Counts what tifffile reads to understand a file. Unbuffered: what is asked for is what is read."""

    num_bytes = 0
    num_reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(-1 if size is None else size) or b""
        self._count(len(found))
        return found

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]  # the stubs' Buffer is 3.12's
        count = super().readinto(buffer) or 0
        self._count(count)
        return count

    def _count(self, num_bytes: int) -> None:
        self.num_bytes += num_bytes
        self.num_reads += 1


def _structure(file: _CountingFile, path: str) -> TiffStructure:
    """The boundary: whatever tifffile raises on a hostile file becomes our own error, here and once."""
    try:
        with file, _silenced(), tifffile.TiffFile(file, name=Path(path).name) as tiff:
            return read_structure(tiff, path)
    except ImageError:
        raise
    except Exception as error:
        raise CorruptImageError(
            f"{path}: not a TIFF that can be understood: {type(error).__name__}: {error}; if it "
            "opens elsewhere, write it again from there"
        ) from error


@contextmanager
def _silenced() -> Iterator[None]:
    """Tifffile logs what it stumbles over, also what it then raises; the row of the image says it once."""
    logger = logging.getLogger("tifffile")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
