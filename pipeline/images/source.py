"""The contract every image format fulfils: a pyramid, and stored tiles, a few at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.images.pyramid import Pyramid
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint


class Source(ABC):
    """An open image. Safe to read from many threads at once."""

    pyramid: Pyramid
    """Structure of the image."""
    header: Acquisition
    """What opening the image cost, and indexes that were read before any look."""
    fingerprint: Fingerprint
    """Identity of the stored image."""
    is_far: bool = False
    """True: a read waits for a network, so many should be under way at once."""

    @abstractmethod
    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """Stored tiles, decoded one after another, in the order asked for; bytes of all are fetched together.

        Whatever is wrong with a tile is its own answer; never an exception.

        Raises:
            ImageChangedError: if it is no longer the image that was opened.
        """

    def read_tile(self, key: TileKey) -> Tile:
        """One stored tile.

        Raises:
            TileReadError: whatever was wrong with it.
            ImageChangedError: if it is no longer the image that was opened.
        """
        [answer] = self.read_tiles([key])
        if isinstance(answer, FailedTile):
            raise answer.error
        return answer

    @abstractmethod
    def scan_bytes(self, level: int) -> int | None:
        """Encoded bytes of all stored tiles of a level, without reading them; None where no index says it."""

    def stored_bytes(self, keys: Sequence[TileKey]) -> int | None:
        """Encoded bytes of some tiles, without reading them; None where no index says it.

        Raises:
            StorageError: if an index of them cannot be read.
        """
        del keys
        return None

    def stored(self, level: int) -> NDArray[np.bool_]:
        """(rows, columns) of a level's tiles, False where nothing is stored by design, without reading one.

        A tile that no index tells of, or whose index is damaged, counts as stored. What was read for it is added
        to `header`.

        Raises:
            StorageError: if an index of them cannot be read.
        """
        found = self.pyramid.levels[level]
        return np.ones((found.num_rows, found.num_cols), np.bool_)

    @abstractmethod
    def close(self) -> None:
        """Give back handles. Reading afterwards is answered by `FailedTile`. Closing twice is no error."""
