"""Where the tiles of some bands lie in a TIFF, and how stored bytes become samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tifffile
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError
from pipeline.images.coded_size import coded_samples
from pipeline.images.pyramid import Level
from pipeline.images.tiff.aperio import APERIO_YCBCR, decode_ycbcr

MAX_TILE_BYTES = 256 * 2**20
"""A stored tile that decodes to more than this is refused: one look would read it whole."""
STRIP_BYTES = 2 * 2**20
"""Rows of an uncompressed image are read in strips of about this size, however they are stored."""

Decode: TypeAlias = Callable[[bytes, int], NDArray[np.generic]]
"""Stored bytes and the number of the segment to (h, w, S) samples."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """Some bands of a level: one segment per tile, in one order."""

    offsets: NDArray[np.int64]
    """(tiles,) first byte of each, row by row."""
    byte_counts: NDArray[np.int64]
    """(tiles,) stored bytes of each; 0: nothing is stored on purpose."""
    first_segment: int
    """Number of the first of them in the page."""
    decode: Decode
    """Turns stored bytes into samples."""


def tile_sides(series: tifffile.TiffPageSeries, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of what is read at once."""
    page = series.keyframe
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    if _is_raw(series):
        return max(1, min(height, STRIP_BYTES // max(1, _row_bytes(page)))), width
    return min(int(page.rowsperstrip), height), width


def planes_of(series: tifffile.TiffPageSeries, level: Level, uri: str) -> tuple[Plane, ...]:
    """The planes of a level, in the order of its bands.

    Raises:
        CorruptImageError: if the index does not fit the image.
    """
    pages, page = _pages_of(series), series.keyframe
    if any(one is None for one in pages):
        raise CorruptImageError(
            f"{uri}: some of its {len(pages)} channels are missing; write all channels to one file"
        )
    if any(part.min(initial=0) < 0 for one in pages for part in _index(one)):
        raise CorruptImageError(f"{uri}: its index points beyond any file; it is damaged")
    if _is_raw(series):
        return tuple(_raw_plane(page, level, *_index(one)) for one in pages)
    if len(pages) > 1:
        return tuple(_plane(one, level, 0, uri) for one in pages)
    num_planes = page.samplesperpixel if page.planarconfig == 2 else 1
    return tuple(_plane(page, level, number, uri) for number in range(num_planes))


def _pages_of(series: tifffile.TiffPageSeries) -> list[Any]:
    """Pages, light frames that share a page's tags, or None for one that is missing."""
    return list(series.pages) if "C" in series.axes and len(series.pages) > 1 else [series.keyframe]


def _index(page: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and byte counts of a page."""
    return _as_int64(page.dataoffsets), _as_int64(page.databytecounts)


def _plane(page: Any, level: Level, number: int, uri: str) -> Plane:
    offsets, counts = _index(page)
    expected = level.num_tiles
    first = number * expected
    if min(len(offsets), len(counts)) < first + expected:
        raise CorruptImageError(
            f"{uri}: {expected} tiles are needed for {level.height} x {level.width} px, its index "
            f"lists {max(0, min(len(offsets), len(counts)) - first)}; the file is cut short or damaged"
        )
    here = slice(first, first + expected)
    return Plane(
        offsets=offsets[here].copy(),  # not a view, which would keep the index of all planes
        byte_counts=np.where(offsets[here] == 0, 0, counts[here]),
        first_segment=first,
        decode=_decoder(page),
    )


def _raw_plane(
    page: tifffile.TiffPage, level: Level, offsets: NDArray[np.int64], counts: NDArray[np.int64]
) -> Plane:
    row_bytes = _row_bytes(page)
    tops = np.arange(level.num_rows, dtype=np.int64) * level.tile_height
    rows = np.minimum(level.height - tops, level.tile_height)
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    shape = (-1, level.width, int(page.samplesperpixel))
    is_stored = bool(offsets[0] != 0 and counts.any())

    def decoded(stored: bytes, _segment: int) -> NDArray[np.generic]:
        return np.frombuffer(stored, dtype).reshape(shape)  # (h, w, S)

    return Plane(
        offsets=offsets[0] + tops * row_bytes,
        byte_counts=rows * row_bytes * is_stored,
        first_segment=0,
        decode=decoded,
    )


def _decoder(own: Any) -> Decode:
    """Of a page, or of a frame, which borrows all from its page but the tables of its JPEGs."""
    page: tifffile.TiffPage = own.keyframe
    decode, tables, header = page.decode, own.jpegtables, page.jpegheader
    is_aperio = int(page.compression) == APERIO_YCBCR and page.samplesperpixel == 3
    max_samples = MAX_TILE_BYTES // np.dtype(page.dtype).itemsize

    def decoded(stored: bytes, segment: int) -> NDArray[np.generic]:
        samples = coded_samples(stored)
        if samples is not None and samples > max_samples:
            raise ValueError(f"it says that it holds {samples} samples")
        if is_aperio:
            return decode_ycbcr(stored)
        data, _, shape = decode(stored, segment, jpegtables=tables, jpegheader=header)
        return np.asarray(data)[0, : shape[1], : shape[2]]  # (h, w, S)

    return decoded


def _is_raw(series: tifffile.TiffPageSeries) -> bool:
    """Whether rows lie on disk as they are in memory. `is_contiguous` asks neither for bit order nor predictor."""
    page = series.keyframe
    if page.is_tiled or not page.is_contiguous or page.fillorder != 1 or page.predictor != 1:
        return False
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        return False
    return all(
        one is page or (one is not None and _is_in_one_piece(one)) for one in _pages_of(series)
    )


def _is_in_one_piece(page: Any) -> bool:
    """Of a frame, whose strips may lie elsewhere than those of the page it borrows its tags from."""
    offsets, counts = _index(page)
    return bool(len(offsets) and (offsets[:-1] + counts[:-1] == offsets[1:]).all())


def _row_bytes(page: tifffile.TiffPage) -> int:
    return int(page.imagewidth * page.samplesperpixel * np.dtype(page.dtype).itemsize)


def _as_int64(values: Any) -> NDArray[np.int64]:
    return np.asarray(values, np.uint64).astype(np.int64)
