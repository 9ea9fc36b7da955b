"""A file and its overviews in another one, as GDAL keeps them (`image.tif.ovr`): one pyramid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.storage.fingerprint import together


class LayeredSource(Source):
    """The levels of two sources, those of the second coarser. Closes both."""

    def __init__(self, finest: Source, overviews: Source) -> None:
        self._finest, self._overviews = finest, overviews
        self._num_own = len(finest.pyramid.levels)
        self._skipped = _num_not_coarser(finest.pyramid, overviews.pyramid)
        self.pyramid = _layered(finest.pyramid, overviews.pyramid.levels[self._skipped :])
        self.header = finest.header + overviews.header
        self.fingerprint = together(finest.fingerprint, overviews.fingerprint)
        self.is_far = finest.is_far

    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """From whichever file holds the level."""
        own = [key for key in keys if key.level < self._num_own]
        others = [key for key in keys if key.level >= self._num_own]
        moved = [key._replace(level=self._moved(key.level)) for key in others]
        near, far = self._finest.read_tiles(own), self._overviews.read_tiles(moved)
        for key in keys:
            yield next(near) if key.level < self._num_own else _renamed(next(far), key)

    def scan_bytes(self, level: int) -> int | None:
        """From the index of the file that holds the level."""
        if level < self._num_own:
            return self._finest.scan_bytes(level)
        return self._overviews.scan_bytes(self._moved(level))

    def stored_bytes(self, keys: Sequence[TileKey]) -> int | None:
        """From the index of the file that holds each."""
        own = [key for key in keys if key.level < self._num_own]
        others = [
            key._replace(level=self._moved(key.level)) for key in keys if key.level >= self._num_own
        ]
        near, far = self._finest.stored_bytes(own), self._overviews.stored_bytes(others)
        return None if near is None or far is None else near + far

    def stored(self, level: int) -> NDArray[np.bool_]:
        """From the index of the file that holds the level."""
        if level < self._num_own:
            return self._finest.stored(level)
        return self._overviews.stored(self._moved(level))

    def close(self) -> None:
        """Close both files."""
        self._finest.close()
        self._overviews.close()

    def _moved(self, level: int) -> int:
        return level - self._num_own + self._skipped


def fits(finest: Pyramid, overviews: Pyramid) -> bool:
    """Whether samples of both are alike, and the second has something coarser."""
    is_alike = (finest.dtype, finest.bands) == (overviews.dtype, overviews.bands)
    return is_alike and _num_not_coarser(finest, overviews) < len(overviews.levels)


def _num_not_coarser(finest: Pyramid, overviews: Pyramid) -> int:
    last = finest.levels[-1]
    return sum(one.height >= last.height or one.width >= last.width for one in overviews.levels)


def _layered(finest: Pyramid, more: Sequence[Level]) -> Pyramid:
    added = tuple(
        replace(one, downsample_y=finest.height / one.height, downsample_x=finest.width / one.width)
        for one in more
    )
    return replace(finest, levels=finest.levels + added)


def _renamed(answer: TileAnswer, key: TileKey) -> TileAnswer:
    if isinstance(answer, Tile):
        return Tile(key, answer.data, answer.acquisition)
    return FailedTile(key, answer.error, answer.acquisition, answer.is_final)
