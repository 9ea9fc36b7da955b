"""The files of one stored image (one, or several if it is concatenated), and which frame shows which tile."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from wsidicom.geometry import Point
from wsidicom.instance.tile_index import FullTileIndex

from pipeline.errors import CorruptImageError
from pipeline.images.dicom.frame_plane import ABSENT, LOST, FramePlane, StoredFile
from pipeline.images.dicom.frames import FrameDecoder
from pipeline.images.dicom.part import Part


class Instance:
    """An image of one size, in one or more optical paths and focal planes.

    Raises:
        UnsupportedImageError: if its frames cannot be decoded.
    """

    def __init__(self, parts: Sequence[Part], name: str) -> None:
        self.parts = tuple(sorted(parts, key=lambda one: (one.dataset.frame_offset, one.name)))
        first = self.parts[0]
        self.dataset = first.dataset
        self.name = f"{name}/{first.name}"
        self.decoder = FrameDecoder(self.dataset, first.syntax, self.name)
        self.height, self.width = self.dataset.image_size.height, self.dataset.image_size.width
        self.tile_height, self.tile_width = self.decoder.shape[:2]

    @cached_property
    def planes(self) -> list[tuple[str, float]]:
        """Optical paths and focal planes (micrometres) that it holds."""
        if self.parts[0].is_full:
            index = self._full_index
            return [(path, z) for path in index.optical_paths for z in index.focal_planes]
        places = [_places(part) for part in self.parts]
        return sorted(
            {
                pair
                for paths, depths in places
                for pair in zip(paths.tolist(), depths.tolist(), strict=True)
            }
        )

    def plane(self, path: str, z: float) -> FramePlane:
        """One of them."""
        frames = self._frames(path, z)  # (rows * cols,)
        starts = [part.dataset.frame_offset for part in self.parts]
        num_frames = max(
            start + len(part.offsets) for start, part in zip(starts, self.parts, strict=True)
        )
        numbers = np.full(num_frames + 1, LOST, np.int16)
        offsets, lengths = (np.zeros(num_frames + 1, np.int64) for _ in range(2))
        for number, (start, part) in enumerate(zip(starts, self.parts, strict=True)):
            here = slice(start, start + len(part.offsets))
            numbers[here], offsets[here], lengths[here] = number, part.offsets, part.lengths
        # One more than there are frames stands for those in files that are not here.
        known = np.minimum(frames, num_frames)
        return FramePlane(
            decoder=self.decoder,
            files=tuple(
                StoredFile(name=part.name, fingerprint=part.fingerprint) for part in self.parts
            ),
            numbers=np.where(frames < 0, np.int16(ABSENT), numbers[known]),
            offsets=offsets[known],
            lengths=np.where(frames < 0, 0, lengths[known]),
        )

    @cached_property
    def _full_index(self) -> FullTileIndex:
        return FullTileIndex([part.dataset for part in self.parts])

    def _frames(self, path: str, z: float) -> NDArray[np.int64]:
        """(rows * cols,) number of the frame of each tile, -1 where it has none."""
        num_rows, num_cols = -(-self.height // self.tile_height), -(-self.width // self.tile_width)
        if self.parts[0].is_full:
            first = int(self._full_index.get_frame_index(Point(0, 0), z, path))
            return first + np.arange(num_rows * num_cols, dtype=np.int64)
        frames = np.full((num_rows, num_cols), -1, np.int64)
        for part in self.parts:
            paths, depths = _places(part)
            is_here = (paths == path) & (depths == z)
            positions = part.dataset.frame_positions
            rows = (positions.rows[is_here] - 1) // self.tile_height
            cols = (positions.columns[is_here] - 1) // self.tile_width
            if not np.all((rows >= 0) & (rows < num_rows) & (cols >= 0) & (cols < num_cols)):
                raise CorruptImageError(
                    f"{self.name}: frames lie outside the image; copy it again from where it came"
                )
            frames[rows, cols] = np.flatnonzero(is_here) + part.dataset.frame_offset
        return frames.reshape(-1)  # (rows * cols,)


def _places(part: Part) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Optical path and focal plane of every frame, of a file whose frames say so themselves."""
    found, dataset = part.dataset.frame_positions, part.dataset
    count = len(found.columns)
    paths, depths = found.optical_path_identifiers, found.z_offsets
    if paths is None:
        paths = np.full(count, dataset.read_optical_path_identifier())
    if depths is None:
        depths = np.full(count, dataset.read_z_offset())
    return paths, np.round(depths, 3)
