"""The tiles of one open image, each read once however many looks want it, and what each cost."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future

from pipeline.errors import TileReadError
from pipeline.images.acquisition import Acquisition
from pipeline.images.source import Source
from pipeline.images.tile import Tile, TileKey
from pipeline.images.tile_cache import TileCache

NUM_TRIES = 2
"""A tile that fails is read once more before it counts as failed."""

_numbers = itertools.count()


class TileReader:
    """Reads tiles of one source through the shared cache. Safe to use from many threads.

    Two threads that want the same tile wait for one read. A tile that failed stays failed: it is
    not asked for again, so a dead storage costs its timeout once per tile.
    """

    def __init__(self, source: Source, cache: TileCache) -> None:
        self.source = source
        self._cache = cache
        self._number = next(_numbers)
        self._lock = threading.Lock()
        self._in_flight: dict[TileKey, Future[Tile]] = {}
        self._failures: dict[TileKey, TileReadError] = {}
        self._acquisitions: dict[TileKey, Acquisition] = {}

    def tile(self, key: TileKey) -> Tile:
        """The tile, from the cache or from storage.

        Raises:
            TileReadError: if it cannot be read, now or earlier.
        """
        with self._lock:
            if key in self._failures:
                raise self._failures[key]
            cached = self._cache.get((self._number, key))
            if cached is not None:
                return cached
            flight = self._in_flight.get(key)
            is_mine = flight is None
            if flight is None:
                flight = self._in_flight[key] = Future()
        if is_mine:
            self._fetch(key, flight)
        return flight.result()

    @property
    def acquisitions(self) -> dict[TileKey, Acquisition]:
        """What each tile cost so far, repeated reads summed."""
        with self._lock:
            return dict(self._acquisitions)

    @property
    def failures(self) -> dict[TileKey, TileReadError]:
        """Tiles that could not be read, and why."""
        with self._lock:
            return dict(self._failures)

    def abandon(self, error: TileReadError) -> None:
        """Count every tile that is being read right now as failed; storage does not answer for it."""
        with self._lock:
            stuck = list(self._in_flight.items())
            self._failures.update((key, error) for key, _ in stuck)
            self._in_flight.clear()
        for _, flight in stuck:
            flight.set_exception(error)

    def close(self) -> None:
        """Close the source and give back the cache's memory."""
        self._cache.forget(self._number)
        self.source.close()

    def _fetch(self, key: TileKey, flight: Future[Tile]) -> None:
        try:
            tile = self._read(key)
        except TileReadError as error:
            with self._lock:
                if self._in_flight.pop(key, None) is flight:  # else abandoned meanwhile
                    self._failures[key] = error
                    flight.set_exception(error)
            return
        with self._lock:
            if self._in_flight.pop(key, None) is flight:
                self._keep(key, tile)
                flight.set_result(tile)

    def _keep(self, key: TileKey, tile: Tile) -> None:
        self._cache.put((self._number, key), tile)
        known = self._acquisitions.get(key, Acquisition())
        self._acquisitions[key] = known + tile.acquisition

    def _read(self, key: TileKey) -> Tile:
        for _ in range(NUM_TRIES - 1):
            try:
                return self.source.read_tile(key)
            except TileReadError:
                continue
        return self.source.read_tile(key)
