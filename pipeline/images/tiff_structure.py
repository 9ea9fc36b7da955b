"""What is where in a TIFF: its levels, and the byte range and decoder of every stored tile. No pixel is read.

tifffile understands the vendors' ways; from here on only plain arrays and its decoders are used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tifffile
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.images.pixel_size import tiff_pixel_size
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.tiff_bands import SampleMeaning, band_names

MAX_TILE_BYTES = 256 * 2**20
"""A stored tile that decodes to more than this is refused: one look would read it whole."""
STRIP_BYTES = 2 * 2**20
"""Rows of an uncompressed image are read in strips of about this size, however they are stored."""

Decode: TypeAlias = Callable[[bytes, int], NDArray[np.generic]]
"""Stored bytes and the number of the segment to (h, w, S) samples."""


@dataclass(frozen=True, slots=True, eq=False)
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


@dataclass(frozen=True, slots=True, eq=False)
class TiffStructure:
    """All that reading tiles needs."""

    pyramid: Pyramid
    """Levels, bands, sizes."""
    planes: tuple[tuple[Plane, ...], ...]
    """Per level, the planes that hold its bands, in the order of the bands."""
    meaning: SampleMeaning
    """Applied to the bands of a tile."""


def read_structure(file: tifffile.TiffFile, uri: str) -> TiffStructure:
    """Plan an open TIFF.

    Raises:
        UnsupportedImageError: if it is a form that is not supported.
        CorruptImageError: if it contradicts itself.
    """
    if not file.pages or not file.series:
        raise CorruptImageError(
            f"{uri}: a TIFF without an image in it; the file is cut short or damaged, copy it again"
        )
    ome_xml = file.ome_metadata if file.is_ome else None
    series = _levels(file, uri)
    page, num_bands = series[0].keyframe, _num_bands(series[0], uri)
    _check_codec(page, uri)
    meaning = SampleMeaning(page, num_bands)
    levels = tuple(_level(one, series[0], uri) for one in series)
    return TiffStructure(
        pyramid=Pyramid(
            uri=uri,
            format=_format(file),
            levels=levels,
            dtype=meaning.dtype.name,
            bands=band_names(page, num_bands, ome_xml),
            pixel_size=tiff_pixel_size(page, ome_xml),
            nodata=_nodata(page),
        ),
        planes=tuple(_planes(one, level, uri) for one, level in zip(series, levels, strict=True)),
        meaning=meaning,
    )


def _format(file: tifffile.TiffFile) -> str:
    for name in ("svs", "ome", "ndpi", "scn", "bif", "qpi", "geotiff"):
        if getattr(file, f"is_{name}"):
            return {"ome": "ome-tiff", "qpi": "qptiff"}.get(name, name)
    return "bigtiff" if file.is_bigtiff else "tiff"


def _levels(file: tifffile.TiffFile, uri: str) -> list[tifffile.TiffPageSeries]:
    """The first image at each stored resolution, finest first.

    tifffile leaves out reduced pages that break its pattern, as where a 4x step is followed by a 2x one.
    """
    found = list(file.series[0].levels)
    for other in file.series[1:]:
        page = other.keyframe
        if page.subfiletype == 1 and _is_reduced(other, found[0]):
            found.append(other)
    found.sort(key=lambda one: -_sides(one, uri)[0] * _sides(one, uri)[1])
    sides = [_sides(one, uri) for one in found]
    return [
        one
        for index, one in enumerate(found)
        if index == 0 or (sides[index] != sides[index - 1] and min(sides[index]) > 0)
    ]


def _is_reduced(other: tifffile.TiffPageSeries, finest: tifffile.TiffPageSeries) -> bool:
    """Whether a page is the same picture, smaller: same samples, same proportions but for rounding."""
    if other.axes != finest.axes or other.dtype != finest.dtype:
        return False
    y, x = finest.axes.index("Y"), finest.axes.index("X")
    bands = [side for axis, side in zip(finest.axes, finest.shape, strict=True) if axis in "SC"]
    if bands != [side for axis, side in zip(other.axes, other.shape, strict=True) if axis in "SC"]:
        return False
    height, width = other.shape[y], other.shape[x]
    if height >= finest.shape[y] or width >= finest.shape[x]:
        return False
    return abs(height * finest.shape[x] / finest.shape[y] - width) <= 1.5


def _sides(series: tifffile.TiffPageSeries, uri: str) -> tuple[int, int]:
    lengths = dict(zip(series.axes, series.shape, strict=True))
    extra = {axis: n for axis, n in lengths.items() if axis not in "YXSC" and n > 1}
    if extra or not {"Y", "X"} <= lengths.keys() or {"S", "C"} <= lengths.keys():
        raise UnsupportedImageError(
            f"{uri}: its axes are {series.axes} {tuple(series.shape)}; wanted Y and X with bands at "
            "most: write the focal plane, time or page to look at as an image of its own"
        )
    return int(lengths["Y"]), int(lengths["X"])


def _num_bands(series: tifffile.TiffPageSeries, uri: str) -> int:
    _sides(series, uri)
    lengths = dict(zip(series.axes, series.shape, strict=True))
    return int(lengths.get("S", lengths.get("C", 1)))


def _check_codec(page: tifffile.TiffPage, uri: str) -> None:
    if page.dtype is None:
        raise UnsupportedImageError(
            f"{uri}: samples of {page.bitspersample} bits, format {page.sampleformat}, are not "
            "supported; write them as 8 or 16 bit integers or 32 bit floats"
        )
    if page.compression != 1 and page.compression not in tifffile.TIFF.DECOMPRESSORS:
        raise UnsupportedImageError(
            f"{uri}: its codec {page.compression!r} is not known here; write the image with JPEG, "
            "deflate, LZW or zstd"
        )


def _level(series: tifffile.TiffPageSeries, finest: tifffile.TiffPageSeries, uri: str) -> Level:
    height, width = _sides(series, uri)
    full_height, full_width = _sides(finest, uri)
    page = series.keyframe
    tile_height, tile_width = _tile_sides(page, height, width)
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    num_bytes = tile_height * tile_width * samples * max(1, page.bitspersample // 8)
    if min(height, width, tile_height, tile_width) < 1:
        raise CorruptImageError(
            f"{uri}: a level of {height} x {width} px in tiles of {tile_height} x {tile_width}"
        )
    if num_bytes > MAX_TILE_BYTES:
        raise UnsupportedImageError(
            f"{uri}: one stored tile or strip is {tile_height} x {tile_width} px, {num_bytes} bytes "
            f"decoded; at most {MAX_TILE_BYTES} are read at once: write the image in tiles of 256 x 256"
        )
    return Level(height, width, tile_height, tile_width, full_height / height, full_width / width)


def _tile_sides(page: tifffile.TiffPage, height: int, width: int) -> tuple[int, int]:
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    if _is_raw(page):
        return max(1, min(height, STRIP_BYTES // max(1, _row_bytes(page)))), width
    return min(int(page.rowsperstrip), height), width


def _planes(series: tifffile.TiffPageSeries, level: Level, uri: str) -> tuple[Plane, ...]:
    if "C" in series.axes and len(series.pages) > 1:
        pages = list(series.pages)
        if any(page is None for page in pages):
            raise CorruptImageError(f"{uri}: some of its {len(pages)} channels are missing")
        return tuple(_page_plane(page, level, 0, uri) for page in pages)
    page = series.keyframe
    num_planes = page.samplesperpixel if page.planarconfig == 2 else 1
    return tuple(_page_plane(page, level, plane, uri) for plane in range(num_planes))


def _page_plane(page: Any, level: Level, plane: int, uri: str) -> Plane:
    """`page` is a page, or one of the light frames that share a page's tags."""
    keyframe = page.keyframe
    if _is_raw(keyframe):
        return _raw_plane(page, level)
    offsets, counts = _as_int64(page.dataoffsets), _as_int64(page.databytecounts)
    expected = level.num_tiles
    first = plane * expected
    if len(offsets) < first + expected or len(counts) < first + expected:
        raise CorruptImageError(
            f"{uri}: {expected} tiles are needed for {level.height} x {level.width} px, its index "
            f"lists {min(len(offsets), len(counts)) - first}; the file is cut short or damaged"
        )
    here = slice(first, first + expected)
    stored = np.where(offsets[here] == 0, 0, counts[here])
    return Plane(offsets[here], stored, first, _page_decoder(keyframe))


def _as_int64(values: Any) -> NDArray[np.int64]:
    return np.asarray(values, np.uint64).astype(np.int64)


def _page_decoder(page: tifffile.TiffPage) -> Decode:
    decode, tables, header = page.decode, page.jpegtables, page.jpegheader

    def decoded(stored: bytes, segment: int) -> NDArray[np.generic]:
        data, _, shape = decode(stored, segment, jpegtables=tables, jpegheader=header)
        return np.asarray(data)[0, : shape[1], : shape[2]]  # (h, w, S)

    return decoded


def _is_raw(page: tifffile.TiffPage) -> bool:
    """Whether rows lie on disk as they are in memory."""
    return bool(not page.is_tiled and page.is_contiguous and page.planarconfig == 1)


def _row_bytes(page: tifffile.TiffPage) -> int:
    return int(page.imagewidth * page.samplesperpixel * np.dtype(page.dtype).itemsize)


def _raw_plane(page: Any, level: Level) -> Plane:
    keyframe = page.keyframe
    row_bytes = _row_bytes(keyframe)
    tops = np.arange(level.num_rows, dtype=np.int64) * level.tile_height
    rows = np.minimum(level.height - tops, level.tile_height)
    dtype = np.dtype(keyframe.dtype).newbyteorder(keyframe.parent.byteorder)
    shape = (-1, level.width, int(keyframe.samplesperpixel))

    def decoded(stored: bytes, _segment: int) -> NDArray[np.generic]:
        return np.frombuffer(stored, dtype).reshape(shape)  # (h, w, S)

    return Plane(int(page.dataoffsets[0]) + tops * row_bytes, rows * row_bytes, 0, decoded)


def _nodata(page: tifffile.TiffPage) -> float | None:
    tag = page.tags.get(42113)
    if tag is None:
        return None
    try:
        return float(str(tag.value).strip("\x00 "))
    except ValueError:
        return None
