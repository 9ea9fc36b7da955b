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
from pipeline.images.disk_file import DiskFile
from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.source import Fingerprint
from pipeline.images.tiff_plane import MAX_TILE_BYTES, Plane
from pipeline.images.tiff_structure import TiffStructure, read_structure
from pipeline.images.tile import Tile, TileKey
from pipeline.images.tile_lookup import tile_region


class TiffSource:
    """An open TIFF on a local disk. Tiles are read by position, from any thread.

    Raises:
        ImageError: whatever is wrong with the file.
        OSError: if storage fails; `open_source` makes it an ImageAccessError.
    """

    def __init__(self, path: str) -> None:
        started = time.perf_counter()
        self._path = path
        self._file = DiskFile(path)
        try:
            counting = _CountingFile(self._file.duplicate())
            self._structure = _structure(counting, path)
        except BaseException:
            self.close()
            raise
        self.fingerprint: Fingerprint = self._file.fingerprint
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
        region = tile_region(self.pyramid, key)
        index = key.row * self.pyramid.levels[key.level].num_cols + key.col
        planes = self._structure.planes[key.level]
        stored = [plane for plane in planes if plane.byte_counts[index]]
        if not stored and self._file.is_open:
            return Tile(key, None)
        parts = [self._read_plane(plane, key, index, region) for plane in planes]
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)  # (h, w, S)
        data = np.moveaxis(self._structure.meanings[key.level].apply(samples), 2, 0)  # (C, h, w)
        num_bytes = sum(int(plane.byte_counts[index]) for plane in stored)
        seconds = time.perf_counter() - started
        return Tile(key, data, Acquisition(num_bytes, num_bytes, len(stored), seconds))

    def scan_bytes(self, level: int) -> int:
        """Stored bytes of all tiles of a level, from the index."""
        return sum(int(plane.byte_counts.sum()) for plane in self._structure.planes[level])

    def close(self) -> None:
        """Close the file; reads under way finish."""
        self._file.close()

    def _read_plane(
        self, plane: Plane, key: TileKey, index: int, region: Region
    ) -> NDArray[np.generic]:
        """(h, w, S) samples, cut at the image's edge."""
        offset, count = int(plane.offsets[index]), int(plane.byte_counts[index])
        try:
            if count == 0 and self._file.is_open:  # other bands of the tile are there
                return self._structure.meanings[key.level].absent(region.height, region.width)
            samples = self._decoded(plane, index, offset, count)
            return _cut(samples, region)
        except (
            Exception
        ) as error:  # tifffile and its codecs raise whatever they like on damaged data
            raise TileReadError(
                f"{self._path}: tile {key.row}, {key.col} of level {key.level} (bytes {offset} to "
                f"{offset + count}) cannot be read: {type(error).__name__}: {error}; the file is "
                "damaged there, copy it again from where it came"
            ) from error

    def _decoded(self, plane: Plane, index: int, offset: int, count: int) -> NDArray[np.generic]:
        if count > 2 * MAX_TILE_BYTES:  # no codec makes data twice as large; the index lies
            raise ValueError(f"{count} bytes are too many for a tile")
        return plane.decode(self._file.read(offset, count), plane.first_segment + index)


def _cut(samples: NDArray[np.generic], region: Region) -> NDArray[np.generic]:
    found = samples.shape[:2]
    if found[0] < region.height or found[1] < region.width:
        raise ValueError(f"it decodes to {found}, not {(region.height, region.width)}")
    return samples[: region.height, : region.width]


class _CountingFile(io.FileIO):
    """Counts what tifffile reads to understand a file. Unbuffered: what is asked for is what is read."""

    num_bytes = 0
    num_reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        # Never more than is there: a damaged count would have gigabytes set aside first.
        found = super().read(left if size is None or size < 0 else min(size, left)) or b""
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
