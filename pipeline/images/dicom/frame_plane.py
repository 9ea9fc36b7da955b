"""Where the tiles of a level lie in the files of a slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.images.tiff.plane import MAX_TILE_BYTES
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.fingerprint import Fingerprint

ABSENT, LOST = -1, -2
"""Instead of a file's number: nothing is stored for the tile; the file that holds it is not there."""


class Decoder(Protocol):
    """Of the frames of a plane."""

    shape: tuple[int, int, int]
    """Rows, columns and samples of a frame."""
    dtype: np.dtype[np.generic]
    """Of the samples."""

    def decode(self, stored: bytes) -> NDArray[np.generic]:
        """(h, w, S) samples; raises whatever it likes on damaged data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that holds frames."""

    name: str
    """In the directory of the slide."""
    fingerprint: Fingerprint
    """When it was opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The bytes of a tile in one plane."""

    wanted: ByteRange
    """What is read."""
    fingerprint: Fingerprint
    """Of the file, when it was opened."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FramePlane:
    """One optical path and focal plane of a level; its tiles row by row."""

    decoder: Decoder
    """Of their frames."""
    files: tuple[StoredFile, ...]
    """Which hold them."""
    numbers: NDArray[np.int16]
    """Per tile the file among these, or ABSENT or LOST."""
    offsets: NDArray[np.int64]
    """Per tile its first byte in the file."""
    lengths: NDArray[np.int64]
    """Per tile its bytes; 0 where there is none."""

    def frame(self, index: int) -> Frame | None:
        """Of one tile; None where nothing is stored for it.

        Raises:
            ValueError: if it is not there but should be, or the index says what cannot be.
        """
        number, count = int(self.numbers[index]), int(self.lengths[index])
        if number == ABSENT:
            return None
        if number == LOST:
            raise ValueError("the file of the slide that holds it is not there")
        if not 0 < count <= 2 * MAX_TILE_BYTES:  # no codec makes data twice as large
            raise ValueError(f"{count} bytes are no frame")
        file = self.files[number]
        wanted = ByteRange(key=file.name, offset=int(self.offsets[index]), count=count)
        return Frame(wanted=wanted, fingerprint=file.fingerprint)
