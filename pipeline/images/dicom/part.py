"""One file of a level: where its frames lie in it, and where they belong. What wsidicom understands, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID
from upath import UPath
from wsidicom.file.io import WsiDicomReader, WsiDicomReadIO
from wsidicom.instance import TileType, WsiDataset

from pipeline.errors import UnsupportedImageError
from pipeline.images.dicom.header import OpenFile
from pipeline.storage.fingerprint import Fingerprint

MAX_TILES = 2**24
"""Of a level, or frames of a file. The index of more is not held in memory."""
MAX_FOCAL_PLANES = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A file, as plain values; it is closed."""

    name: str
    """Of the file, in its directory."""
    fingerprint: Fingerprint
    """Of the file."""
    dataset: WsiDataset
    """Its elements."""
    syntax: UID
    """How frames are compressed."""
    offsets: NDArray[np.int64]
    """First byte of each frame."""
    lengths: NDArray[np.int64]
    """Bytes of each frame."""

    @property
    def is_full(self) -> bool:
        """True: every tile has its frame, in order; False: each frame says where it belongs."""
        return bool(self.dataset.tile_type == TileType.FULL)


class _Stream(WsiDicomReadIO):  # type: ignore[misc]  # wsidicom ships no types
    """Never opens the file a second time behind our back: those reads would not be counted."""

    @contextmanager
    def buffered(self, buffer_bytes: int) -> Iterator[BinaryIO]:  # noqa: ARG002  # its own buffer will do
        yield self.stream


def read_part(file: OpenFile) -> Part:
    """Read a file's elements and the index of its frames; no frame.

    Raises:
        UnsupportedImageError: if it is larger than any slide, or a frame lies in pieces.
        StorageError: if the file cannot be read.
        Exception: whatever wsidicom and pydicom raise on a broken file.
    """
    reader = WsiDicomReader(_Stream(file.stream, UPath(file.path)))
    dataset = reader.dataset
    _check_size(dataset, str(file.path))
    if dataset.tile_type == TileType.SPARSE:
        _ = dataset.frame_positions  # read now: the file is closed after this
    index = np.array(list(reader.frame_index), np.int64).reshape(-1, 2)  # (frames, 2)
    if len(index) != dataset.frame_count or _is_fragmented(reader, file.stream, index):
        raise UnsupportedImageError(
            f"{file.path}: frames in more than one fragment each; wanted one: write it again with one, or as a "
            "pyramidal TIFF or OME-Zarr"
        )
    return Part(
        name=file.path.name,
        fingerprint=file.fingerprint,
        dataset=dataset,
        syntax=reader.transfer_syntax,
        offsets=index[:, 0],
        lengths=index[:, 1],
    )


def _is_fragmented(reader: WsiDicomReader, stream: BinaryIO, index: NDArray[np.int64]) -> bool:
    """Whether the first frame is longer than the item that it begins in."""
    if not reader.transfer_syntax.is_encapsulated or not len(index):
        return False
    stream.seek(int(index[0, 0]) - 4)
    return int.from_bytes(stream.read(4), "little") < int(index[0, 1])


def _check_size(dataset: WsiDataset, name: str) -> None:
    """Before anything is set aside for what a damaged file may only claim."""
    size, tile = dataset.image_size, dataset.tile_size
    num_tiles = 0
    if min(tile.height, tile.width) > 0:
        num_tiles = -(-size.height // tile.height) * -(-size.width // tile.width)
    num_frames = dataset.frame_count + dataset.frame_offset
    num_planes = dataset.number_of_focal_planes
    if not (
        0 < num_tiles <= MAX_TILES
        and 0 < num_frames <= MAX_TILES
        and 0 < num_planes <= MAX_FOCAL_PLANES
    ):
        raise UnsupportedImageError(
            f"{name}: {num_tiles} tiles, {num_frames} frames, {num_planes} focal planes; at most {MAX_TILES} tiles "
            f"and frames and {MAX_FOCAL_PLANES} planes are read: write it as a pyramidal TIFF or OME-Zarr"
        )
