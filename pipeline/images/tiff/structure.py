"""What is where in a TIFF: its levels, and the byte range and decoder of every stored tile. No pixel is read.

tifffile understands the vendors' ways; from here on only plain arrays and its decoders are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tifffile

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.images.pixel_size import tiff_pixel_size
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.tiff.bands import SampleMeaning, band_names, channel_names
from pipeline.images.tiff.directories import check_directories
from pipeline.images.tiff.georeference import georeference
from pipeline.images.tiff.mask import Mask, masks_of
from pipeline.images.tiff.metadata import acquisition_metadata
from pipeline.images.tiff.plane import MAX_TILE_BYTES, Plane, planes_of, tile_sides

MAX_TILES = 2**24
"""Tiles of a level; a header that asks for more lies, and believing it would take gigabytes."""
_VENDORS = ("svs", "ndpi", "scn", "bif", "qpi")
"""Of these tifffile knows which pages are levels; others that look alike are labels and thumbnails."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TiffStructure:
    """All that reading tiles needs."""

    pyramid: Pyramid
    """Levels, bands, sizes."""
    planes: tuple[tuple[Plane, ...], ...]
    """Per level, the planes that hold its bands, in the order of the bands."""
    meanings: tuple[SampleMeaning, ...]
    """Per level, applied to the bands of a tile."""
    masks: tuple[Mask | None, ...] | None
    """Per level, the mask that becomes the last band; None: there is none, or a band says it already."""


def read_structure(file: tifffile.TiffFile, uri: str) -> TiffStructure:
    """Plan an open TIFF.

    Raises:
        UnsupportedImageError: if it is a form that is not supported.
        CorruptImageError: if it contradicts itself.
    """
    if file.pages:
        check_directories(file, uri)
    if not file.pages or not file.series:
        raise CorruptImageError(
            f"{uri}: a TIFF without an image in it; the file is cut short or damaged, copy it again"
        )
    ome_xml = file.ome_metadata if file.is_ome else None
    found = _levels(file, uri)
    levels = tuple(_level(one, found[0], uri) for one in found)
    for one in found:
        _check_codec(one.keyframe, uri)
    page, num_bands = found[0].keyframe, _num_bands(found[0])
    place = georeference(page)
    meanings = tuple(SampleMeaning(one.keyframe, num_bands) for one in found)
    bands = band_names(page, num_bands, channel_names(list(found[0].pages), ome_xml))
    masks = None if "alpha" in bands else masks_of(file, levels, uri)
    if masks is not None and not any(masks):
        masks = None
    return TiffStructure(
        masks=masks,
        pyramid=Pyramid(
            uri=uri,
            format=_format(file),
            levels=levels,
            dtype=meanings[0].dtype.name,
            bands=bands if masks is None else (*bands, "alpha"),
            pixel_size=tiff_pixel_size(page, ome_xml),
            nodata=meanings[0].nodata,
            crs=place.crs,
            transform=place.transform,
            metadata=acquisition_metadata(file, page, ome_xml),
        ),
        planes=tuple(planes_of(one, level, uri) for one, level in zip(found, levels, strict=True)),
        meanings=meanings,
    )


def _format(file: tifffile.TiffFile) -> str:
    for name in ("svs", "ome", "ndpi", "scn", "bif", "qpi", "geotiff"):
        if getattr(file, f"is_{name}"):
            return {"ome": "ome-tiff", "qpi": "qptiff"}.get(name, name)
    return "bigtiff" if file.is_bigtiff else "tiff"


def _levels(file: tifffile.TiffFile, uri: str) -> list[tifffile.TiffPageSeries]:
    """The image at each stored resolution, finest first, each smaller than the one before.

    tifffile leaves out reduced pages that break its pattern, as where a 4x step is followed by a 2x one.
    """
    first = _main_series(file)
    _sides(first, uri)
    _check_samples(first.keyframe, uri)
    own = sorted(first.levels, key=_area, reverse=True)
    found = [one for one in own if _is_same_kind(one, own[0])]
    if not any(getattr(file, f"is_{name}") for name in _VENDORS):
        found += [one for one in file.series if one is not first and _is_reduced(one, own[0])]
    kept = found[:1]
    for one in sorted(found[1:], key=_area, reverse=True):
        if _is_smaller(one, kept[-1]):
            kept.append(one)
    return kept


def _main_series(file: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """The first image; Leica's files start with a picture of the whole slide, there it is the largest."""
    return max(file.series, key=_area) if file.is_scn else file.series[0]


def _is_smaller(one: tifffile.TiffPageSeries, other: tifffile.TiffPageSeries) -> bool:
    lengths, before = _lengths(one), _lengths(other)
    is_within = all(0 < lengths.get(axis, 0) <= before[axis] for axis in "YX")
    return is_within and _area(one) < _area(other)


def _is_same_kind(one: tifffile.TiffPageSeries, finest: tifffile.TiffPageSeries) -> bool:
    """Whether samples come out alike."""
    if one.axes != finest.axes or one.dtype != finest.dtype:
        return False
    if one.keyframe.dtype is None or _num_bands(one) != _num_bands(finest):
        return False
    dtypes = {SampleMeaning(each.keyframe, _num_bands(each)).dtype for each in (one, finest)}
    return len(dtypes) == 1


def _is_reduced(one: tifffile.TiffPageSeries, finest: tifffile.TiffPageSeries) -> bool:
    """Whether a page of its own is the same picture, smaller: the same proportions but for rounding."""
    if one.keyframe.subfiletype != 1 or not _is_same_kind(one, finest):
        return False
    lengths, full = _lengths(one), _lengths(finest)
    return abs(lengths["Y"] * full["X"] / full["Y"] - lengths["X"]) <= 1.5


def _lengths(series: tifffile.TiffPageSeries) -> dict[str, int]:
    return {axis: int(n) for axis, n in zip(series.axes, series.shape, strict=True)}


def _area(series: tifffile.TiffPageSeries) -> int:
    lengths = _lengths(series)
    return lengths.get("Y", 0) * lengths.get("X", 0)


def _sides(series: tifffile.TiffPageSeries, uri: str) -> tuple[int, int]:
    lengths = _lengths(series)
    extra = {axis: n for axis, n in lengths.items() if axis not in "YXSC" and n > 1}
    if extra or not {"Y", "X"} <= lengths.keys() or {"S", "C"} <= lengths.keys():
        raise UnsupportedImageError(
            f"{uri}: its axes are {series.axes} {tuple(series.shape)}; wanted Y and X with bands at "
            "most: write the focal plane, time or page to look at as an image of its own"
        )
    return lengths["Y"], lengths["X"]


def _num_bands(series: tifffile.TiffPageSeries) -> int:
    lengths = _lengths(series)
    return lengths.get("S", lengths.get("C", 1))


def _check_samples(page: tifffile.TiffPage, uri: str) -> None:
    if page.dtype is None:  # of the series it may be given all the same
        raise UnsupportedImageError(
            f"{uri}: samples of {page.bitspersample} bits, format {page.sampleformat}, are not "
            "supported; write them as 8 or 16 bit integers or 32 bit floats"
        )


def _check_codec(page: tifffile.TiffPage, uri: str) -> None:
    if page.compression != 1 and page.compression not in tifffile.TIFF.DECOMPRESSORS:
        raise UnsupportedImageError(
            f"{uri}: its codec {page.compression!r} is not known here; write the image with JPEG, "
            "deflate, LZW or zstd"
        )
    try:
        page.decode(None, 0)  # decodes nothing: a form that can never be decoded is known already
    except Exception as error:  # tifffile raises what it likes
        raise UnsupportedImageError(
            f"{uri}: tiles of this form cannot be decoded: {error}; write the image with JPEG, deflate, "
            "LZW or zstd"
        ) from error


def _level(series: tifffile.TiffPageSeries, finest: tifffile.TiffPageSeries, uri: str) -> Level:
    height, width = _sides(series, uri)
    full_height, full_width = _sides(finest, uri)
    page = series.keyframe
    tile_height, tile_width = tile_sides(series, height, width)
    if min(height, width, tile_height, tile_width) < 1:
        raise CorruptImageError(
            f"{uri}: a level of {height} x {width} px in tiles of {tile_height} x {tile_width}; the "
            "file is damaged, copy it again from where it came"
        )
    num_bytes = tile_height * tile_width * _num_bands(series) * np.dtype(page.dtype).itemsize
    if num_bytes > MAX_TILE_BYTES:
        raise UnsupportedImageError(
            f"{uri}: one stored tile or strip is {tile_height} x {tile_width} px, {num_bytes} bytes "
            f"decoded; at most {MAX_TILE_BYTES} are read at once: write the image in tiles of 256 x 256"
        )
    level = Level(height, width, tile_height, tile_width, full_height / height, full_width / width)
    if level.num_tiles > MAX_TILES:
        raise CorruptImageError(
            f"{uri}: {height} x {width} px would be {level.num_tiles} tiles, more than the {MAX_TILES} "
            "that any real image has; the file is damaged, or write it in tiles of 256 x 256"
        )
    return level
