"""Sources whose tiles lie at known byte ranges: what they all do between planning a tile and decoding it."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ImageChangedError, ObjectChangedError, StorageError, TileReadError
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.images.tile_lookup import tile_region
from pipeline.storage.byte_range import ByteRange, Piece, tile_cost
from pipeline.storage.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlan:
    """What is read for a tile."""

    key: TileKey
    """Which tile."""
    region: Region
    """Its pixels, cut at the image's edge."""
    wanted: tuple[ByteRange | None, ...]
    """Where its parts lie; None: nothing is stored of that one."""


P = TypeVar("P", bound=TilePlan)


class RangedSource(Source, Generic[P]):
    """Tiles are planned, their bytes fetched together, and decoded one after another. Subclasses plan and decode."""

    _storage: Storage

    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """(C, H, W) each, cut at the image's edge; in the order asked for, decoded one after another."""
        started = time.perf_counter()
        plans = [self._planned(key) for key in keys]
        known = [plan for plan in plans if not isinstance(plan, FailedTile)]
        ranges = [one for plan in known for one in plan.wanted if one is not None]
        pieces = iter(self._storage.fetch(ranges))
        waited_s = (time.perf_counter() - started) / max(1, len(keys))
        for plan in plans:
            if isinstance(plan, FailedTile):
                yield plan
                continue
            own = [None if one is None else next(pieces) for one in plan.wanted]
            yield self._answer(plan, own, waited_s)

    def stored_bytes(self, keys: Sequence[TileKey]) -> int | None:
        """From the index; bytes that tiles share count once."""
        plans = [self._plan(key, tile_region(self.pyramid, key)) for key in keys]
        wanted = {one for plan in plans for one in plan.wanted if one is not None}
        return sum(one.count or 0 for one in wanted)

    def stored(self, level: int) -> NDArray[np.bool_]:
        """From the index."""
        found = self.pyramid.levels[level]
        keys = self.pyramid.tiles_in(level, Region(0, 0, found.height, found.width))
        plans = [self._planned(key) for key in keys]
        is_stored = [isinstance(plan, FailedTile) or any(plan.wanted) for plan in plans]
        return np.array(is_stored, np.bool_).reshape(found.num_rows, found.num_cols)

    def close(self) -> None:
        """Reads under way finish."""
        self._storage.close()

    @abstractmethod
    def _plan(self, key: TileKey, region: Region) -> P:
        """Where a tile lies. Raises TileReadError where that cannot be told."""

    @abstractmethod
    def _decoded(self, plan: P, pieces: Sequence[Piece | None]) -> NDArray[np.generic] | None:
        """(C, h, w) of what was fetched, None where nothing is stored. Raises whatever codecs raise."""

    @abstractmethod
    def _name(self, plan: P) -> str:
        """Which tile of which file, for errors."""

    def _planned(self, key: TileKey) -> P | FailedTile:
        try:
            return self._plan(key, tile_region(self.pyramid, key))
        except TileReadError as error:
            return FailedTile(key, error, is_final=True)

    def _answer(self, plan: P, pieces: Sequence[Piece | None], waited_s: float) -> TileAnswer:
        started = time.perf_counter()
        fetched = [piece for piece in pieces if piece is not None]
        try:
            data = self._decoded(plan, pieces)
        except ObjectChangedError as error:
            raise ImageChangedError(str(error)) from error
        except Exception as error:  # noqa: BLE001  # codecs raise whatever they like on damaged data
            is_final = self.is_far and isinstance(error, StorageError)  # tried enough
            return FailedTile(
                plan.key, self._told(plan, error), tile_cost(fetched, waited_s), is_final
            )
        seconds = waited_s + time.perf_counter() - started
        return Tile(plan.key, data, tile_cost(fetched, seconds))

    def _told(self, plan: P, error: Exception) -> TileReadError:
        name = f"{self._name(plan)} cannot be read"
        if isinstance(error, StorageError):
            return TileReadError(f"{name}: {error}")
        return TileReadError(
            f"{name}: {type(error).__name__}: {error}; the file is damaged there, copy it again from where it came"
        )
