"""TIFF and its family, read where they lie: SVS, OME-TIFF, GeoTIFF/COG, pyramidal, plain."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO, cast

import numpy as np
import tifffile
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, ImageError, StorageError
from pipeline.images.alpha import alpha_band, opaque_band
from pipeline.images.pyramid import Pyramid
from pipeline.images.ranged_source import RangedSource, TilePlan
from pipeline.images.region import Region
from pipeline.images.tiff.plane import MAX_TILE_BYTES, Plane
from pipeline.images.tiff.structure import TiffStructure, read_structure
from pipeline.images.tile import TileKey
from pipeline.storage.byte_range import ByteRange, Piece
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.header_file import HeaderFile
from pipeline.storage.place import shown
from pipeline.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class _Segment:
    """Which segment of which plane holds a part of a tile."""

    plane: Plane
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan(TilePlan):
    """Segments of the planes, then those of the mask; as many as `wanted`."""

    segments: tuple[_Segment, ...]
    mask_boxes: tuple[Region, ...] | None = None
    """Pixels of each of the mask's; None: all pixels are valid."""


class TiffSource(RangedSource[_Plan]):
    """An open TIFF. Tiles are read by position, from any thread.

    Args:
        uri: path or URL, as the user gave it.
        storage: of the file; closed with the source.
        start: its first bytes, which told that it is a TIFF.

    Raises:
        ImageError: whatever is wrong with the file.
        StorageError: if storage fails; `open_source` makes it an ImageAccessError.
    """

    def __init__(self, uri: str, storage: Storage, start: Piece) -> None:
        started = time.perf_counter()
        self._storage = storage
        self.is_far = storage.is_far
        file = HeaderFile(storage, start)
        try:
            self._structure = _structure(file, uri)
        except (ImageError, StorageError) as error:
            error.cost = file.cost
            raise
        self.pyramid: Pyramid = self._structure.pyramid
        self.fingerprint: Fingerprint = file.fingerprint
        self._version = file.fingerprint  # of this file, whatever becomes part of the image
        self.header = replace(file.cost, seconds=time.perf_counter() - started)

    def scan_bytes(self, level: int) -> int | None:
        """Stored bytes of all tiles of a level and of its mask, from the index."""
        mask = None if self._structure.masks is None else self._structure.masks[level]
        planes = self._structure.planes[level] + (() if mask is None else (mask.plane,))
        return sum(int(plane.byte_counts.sum()) for plane in planes)

    def _plan(self, key: TileKey, region: Region) -> _Plan:
        index = key.row * self.pyramid.levels[key.level].num_cols + key.col
        planes = self._structure.planes[key.level]
        mask = None if self._structure.masks is None else self._structure.masks[key.level]
        parts = [] if mask is None else list(mask.parts_of(region))
        places = [(plane, index) for plane in planes]
        places += [] if mask is None else [(mask.plane, number) for number, _ in parts]
        plan = _Plan(
            key=key,
            region=region,
            wanted=tuple(_range(plane, at, self._version) for plane, at in places),
            segments=tuple(_Segment(plane, plane.first_segment + at) for plane, at in places),
            mask_boxes=None if mask is None else tuple(box for _, box in parts),
        )
        if any(plane.byte_counts[index] > 2 * MAX_TILE_BYTES for plane in planes):
            # No codec makes data twice as large; the index lies, and believing it would take gigabytes.
            raise self._told(plan, ValueError("too many bytes for a tile"))
        return plan

    def _decoded(self, plan: _Plan, pieces: Sequence[Piece | None]) -> NDArray[np.generic] | None:
        """(C, h, w), or None where the file stores nothing."""
        num_planes = len(self._structure.planes[plan.key.level])
        fetched = list(zip(plan.segments, pieces, strict=True))
        if not any(piece for _, piece in fetched[:num_planes]):
            return None
        meaning, region = self._structure.meanings[plan.key.level], plan.region
        parts = [
            # Other bands of the tile are there.
            meaning.absent(region.height, region.width)
            if piece is None
            else _cut(_samples(segment, piece), region)
            for segment, piece in fetched[:num_planes]
        ]
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)  # (h, w, S)
        bands = meaning.apply(samples)  # (h, w, C)
        if self._structure.masks is not None:
            alpha = _alpha(plan, fetched[num_planes:], bands.dtype)
            bands = np.concatenate([bands, alpha], axis=2)  # (h, w, C + 1)
        _check_kind(bands, self.pyramid)
        return bands.transpose(2, 0, 1)  # (C, h, w)

    def _name(self, plan: _Plan) -> str:
        stored = [one for one in plan.wanted if one is not None]
        where = ", ".join(f"{one.offset} to {one.offset + (one.count or 0)}" for one in stored)
        level, row, col = plan.key
        return f"{self._storage.uri}: tile {row}, {col} of level {level} (bytes {where})"


def _range(plane: Plane, index: int, version: Fingerprint) -> ByteRange | None:
    """Where a segment lies; None: nothing is stored."""
    offset, count = int(plane.offsets[index]), int(plane.byte_counts[index])
    return ByteRange(offset=offset, count=count, version=version) if count else None


def _samples(segment: _Segment, piece: Piece) -> NDArray[np.generic]:
    """(h, w, S) as stored."""
    stored = piece.checked()
    if stored is None:
        raise StorageError("the file has gone while it was read")
    return segment.plane.decode(stored, segment.number)


def _alpha(
    plan: _Plan, fetched: Sequence[tuple[_Segment, Piece | None]], dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    """(h, w, 1): the mask as a band."""
    if plan.mask_boxes is None:
        return opaque_band(plan.region, dtype)[:, :, None]  # (h, w, 1)
    parts = (
        (box, None if piece is None else _samples(segment, piece)[:, :, 0])
        for box, (segment, piece) in zip(plan.mask_boxes, fetched, strict=True)
    )
    return alpha_band(plan.region, parts, dtype)[:, :, None]  # (h, w, 1)


def _cut(samples: NDArray[np.generic], region: Region) -> NDArray[np.generic]:
    found = samples.shape[:2]
    if found[0] < region.height or found[1] < region.width:
        raise ValueError(f"it decodes to {found}, not {(region.height, region.width)}")
    return samples[: region.height, : region.width]


def _check_kind(bands: NDArray[np.generic], pyramid: Pyramid) -> None:
    """A damaged tile may decode to something else than its neighbours: (h, w, C)."""
    found = (bands.shape[2], bands.dtype.name)
    if found != (len(pyramid.bands), pyramid.dtype):
        raise ValueError(
            f"it decodes to {found[0]} bands of {found[1]}, not {len(pyramid.bands)} of {pyramid.dtype}"
        )


def _structure(file: HeaderFile, uri: str) -> TiffStructure:
    """The boundary: whatever tifffile raises on a hostile file becomes our own error, here and once."""
    try:
        with (
            file,
            _silenced(),
            tifffile.TiffFile(cast("IO[bytes]", file), name=_file_name(uri)) as tiff,
        ):
            return read_structure(tiff, uri)
    except (ImageError, StorageError):
        raise
    except Exception as error:
        raise CorruptImageError(
            f"{uri}: not a TIFF that can be understood: {type(error).__name__}: {error}; if it "
            "opens elsewhere, write it again from there"
        ) from error


def _file_name(uri: str) -> str:
    return PurePosixPath(shown(uri)).name


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
