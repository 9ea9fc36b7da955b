"""The contract every image format fulfils: a pyramid, and one stored tile at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeline.images.acquisition import Acquisition
from pipeline.images.pyramid import Pyramid
from pipeline.images.tile import Tile, TileKey


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells that a file is the same file as last time."""

    size_bytes: int
    """Size of the file (of its metadata documents, for a directory store)."""
    modified_ns: int
    """Modification time, nanoseconds since 1970."""


class Source(Protocol):
    """An open image. Safe to read from many threads at once."""

    @property
    def pyramid(self) -> Pyramid:
        """Structure of the image."""

    @property
    def header(self) -> Acquisition:
        """What opening the image cost."""

    @property
    def fingerprint(self) -> Fingerprint:
        """Identity of the stored image."""

    def read_tile(self, key: TileKey) -> Tile:
        """One stored tile, decoded.

        Raises:
            TileReadError: whatever was wrong with it; never another exception.
        """

    def scan_bytes(self, level: int) -> int:
        """Encoded bytes of all stored tiles of a level, from the index, without reading them."""

    def close(self) -> None:
        """Give back handles. Reading afterwards raises `TileReadError`."""
