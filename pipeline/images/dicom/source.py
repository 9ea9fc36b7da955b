"""DICOM whole-slide images on a disk, read where they lie: one or more files per level. An optional extra.

Pydicom and wsidicom understand the files, once. From then on frames are read and counted by us, and decoded by
wsidicom. Colours are as stored: no colour profile is applied. Of several focal planes the middle one is shown, of
several optical paths in colour the first; gray ones are bands.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import (
    ImageChangedError,
    ObjectChangedError,
    StorageError,
    TileReadError,
    UnsupportedImageError,
)
from pipeline.images.dicom.frame_plane import Frame
from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.images.tile_lookup import tile_region
from pipeline.storage.byte_range import Piece, tile_cost
from pipeline.storage.disk import DiskStorage
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import is_far, local_path, shown
from pipeline.storage.storage import closed

if TYPE_CHECKING:
    from pipeline.images.dicom.opened import OpenedSlide


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is read for a tile."""

    key: TileKey
    region: Region
    """Its pixels, cut at the image's edge."""
    frames: tuple[Frame | None, ...]
    """One per plane; None: nothing is stored."""


class DicomSource(Source):
    """An open slide. Frames are read by position, from any thread.

    Args:
        uri: path of a directory that holds one slide, or of one of its files.

    Raises:
        UnsupportedImageError: if it is far, no whole slide, or in a form that is not supported.
        CorruptImageError: if a file of it is broken.
        StorageError, OSError: if storage fails; `open_source` makes it an ImageAccessError.
    """

    def __init__(self, uri: str) -> None:
        started = time.perf_counter()
        if is_far(uri):
            raise UnsupportedImageError(
                f"{shown(uri)}: DICOM is read from a disk only; copy it there, with all files of the slide"
            )
        slide = _opened(uri)
        self._structure = slide.structure
        self._storage = DiskStorage(slide.directory)
        self._is_open = True
        self.pyramid: Pyramid = slide.structure.pyramid
        self.fingerprint: Fingerprint = slide.fingerprint
        self.header = replace(slide.cost, seconds=time.perf_counter() - started)

    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """(C, h, w) each, cut at the image's edge; in the order asked for, decoded one after another."""
        started = time.perf_counter()
        plans = [self._plan(key) for key in keys]
        frames = [one for plan in plans if isinstance(plan, _Plan) for one in plan.frames]
        pieces = iter(self._storage.fetch([one.wanted for one in frames if one is not None]))
        seconds = (time.perf_counter() - started) / max(1, len(keys))
        for plan in plans:
            if isinstance(plan, FailedTile):
                yield plan
                continue
            own = [None if one is None else next(pieces) for one in plan.frames]
            yield self._answer(plan, own, seconds)

    def scan_bytes(self, level: int) -> int | None:
        """Stored bytes of all frames of a level that are shown, from the index."""
        return sum(int(plane.lengths.sum()) for plane in self._structure.planes[level])

    def close(self) -> None:
        """Close the files; reads under way finish."""
        self._is_open = False
        self._storage.close()

    def _plan(self, key: TileKey) -> _Plan | FailedTile:
        try:
            region = tile_region(self.pyramid, key)
        except TileReadError as error:
            return FailedTile(key, error, is_final=True)
        if not self._is_open:
            text = str(closed(self.pyramid.uri))
            return FailedTile(key, TileReadError(text), is_final=True)
        index = key.row * self.pyramid.levels[key.level].num_cols + key.col
        try:
            frames = tuple(plane.frame(index) for plane in self._structure.planes[key.level])
        except ValueError as error:
            return FailedTile(key, self._told(key, error), is_final=True)
        return _Plan(key=key, region=region, frames=frames)

    def _answer(self, plan: _Plan, pieces: Sequence[Piece | None], waited_s: float) -> TileAnswer:
        started = time.perf_counter()
        fetched = [piece for piece in pieces if piece is not None]
        try:
            _check_unchanged(plan, pieces)
            data = self._decoded(plan, pieces)
        except ObjectChangedError as error:
            raise ImageChangedError(str(error)) from error
        except Exception as error:  # noqa: BLE001  # codecs raise whatever they like on damaged data
            return FailedTile(plan.key, self._told(plan.key, error), tile_cost(fetched, waited_s))
        seconds = waited_s + time.perf_counter() - started
        return Tile(plan.key, data, tile_cost(fetched, seconds))

    def _decoded(self, plan: _Plan, pieces: Sequence[Piece | None]) -> NDArray[np.generic] | None:
        """(C, h, w), or None where the slide stores nothing."""
        planes, region = self._structure.planes[plan.key.level], plan.region
        if not any(pieces):
            return None
        parts = [
            # Other optical paths of the tile are there.
            np.zeros(plane.decoder.shape, plane.decoder.dtype)
            if piece is None
            else plane.decoder.decode(_present(piece))
            for plane, piece in zip(planes, pieces, strict=True)
        ]
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)  # (h, w, C)
        return samples[: region.height, : region.width].transpose(2, 0, 1)  # (C, h, w)

    def _told(self, key: TileKey, error: Exception) -> TileReadError:
        name = f"{self.pyramid.uri}: tile {key.row}, {key.col} of level {key.level} cannot be read"
        if isinstance(error, StorageError):
            return TileReadError(f"{name}: {error}")
        return TileReadError(
            f"{name}: {type(error).__name__}: {error}; the slide is damaged there, copy it again from where it came"
        )


def _opened(uri: str) -> OpenedSlide:
    try:
        from pipeline.images.dicom.opened import open_slide  # not above: an optional extra
    except ImportError as error:
        raise UnsupportedImageError(
            f"{shown(uri)}: DICOM is read by wsidicom, which is not installed ({error}); "
            "pip install 'foveate[dicom]'"
        ) from error
    return open_slide(uri, local_path(uri))


def _check_unchanged(plan: _Plan, pieces: Sequence[Piece | None]) -> None:
    for frame, piece in zip(plan.frames, pieces, strict=True):
        if frame is None or piece is None or piece.fingerprint in (None, frame.fingerprint):
            continue
        raise ObjectChangedError(
            f"{frame.wanted.key}: the file changed while it was read; run again when nothing writes to it"
        )


def _present(piece: Piece) -> bytes:
    data = piece.checked()
    if data is None:
        raise StorageError(
            "a file of the slide has gone while it was read; run again when it is back"
        )
    return data
