"""DICOM whole-slide images on a disk, read where they lie: one or more files per level. An optional extra.

Pydicom and wsidicom understand the files, once. From then on frames are read and counted by us, and decoded by
wsidicom. Colours are as stored: no colour profile is applied. Of several focal planes the middle one is shown, of
several optical paths in colour the first; gray ones are bands.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ObjectChangedError, StorageError, UnsupportedImageError
from pipeline.images.dicom.frame_plane import Frame
from pipeline.images.pyramid import Pyramid
from pipeline.images.ranged_source import RangedSource, TilePlan
from pipeline.images.region import Region
from pipeline.images.tile import TileKey
from pipeline.storage.byte_range import Piece
from pipeline.storage.disk import DiskStorage
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import is_far, local_path, shown
from pipeline.storage.storage import closed

if TYPE_CHECKING:
    from pipeline.images.dicom.opened import OpenedSlide


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan(TilePlan):
    """Frames, one per plane."""

    frames: tuple[Frame | None, ...]
    """None: nothing is stored."""


class DicomSource(RangedSource[_Plan]):
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

    def scan_bytes(self, level: int) -> int | None:
        """Stored bytes of all frames of a level that are shown, from the index."""
        return sum(int(plane.lengths.sum()) for plane in self._structure.planes[level])

    def close(self) -> None:
        """Close the files; reads under way finish."""
        self._is_open = False
        super().close()

    def _plan(self, key: TileKey, region: Region) -> _Plan:
        plan = _Plan(key=key, region=region, wanted=(), frames=())
        if not self._is_open:
            raise self._told(plan, closed(self.pyramid.uri))
        index = key.row * self.pyramid.levels[key.level].num_cols + key.col
        try:
            frames = tuple(plane.frame(index) for plane in self._structure.planes[key.level])
        except ValueError as error:
            raise self._told(plan, error) from error
        wanted = tuple(None if frame is None else frame.wanted for frame in frames)
        return replace(plan, wanted=wanted, frames=frames)

    def _decoded(self, plan: _Plan, pieces: Sequence[Piece | None]) -> NDArray[np.generic] | None:
        """(C, h, w), or None where the slide stores nothing."""
        _check_unchanged(plan, pieces)
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

    def _name(self, plan: _Plan) -> str:
        level, row, col = plan.key
        return f"{self.pyramid.uri}: tile {row}, {col} of level {level}"


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
