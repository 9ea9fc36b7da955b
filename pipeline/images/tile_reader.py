"""The tiles of one open image, each read once however many looks want it, and what each cost."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TypeAlias

from pipeline.errors import AllowanceSpentError, TileReadError
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import total

MAX_TOGETHER = 64
"""Tiles that are fetched at once; bounds the encoded and decoded bytes in hand."""

_Flight: TypeAlias = Future[TileAnswer]
_numbers = itertools.count()


class TileReader:
    """Reads tiles of one source through the shared cache. Safe to use from many threads.

    Two threads that want the same tile wait for one read. A tile that fails is read once more; then it
    stays failed: it is not asked for again, so a dead storage costs its timeout once per tile.
    """

    def __init__(self, source: Source, cache: TileCache) -> None:
        self.source = source
        self._cache = cache
        self._number = next(_numbers)
        self._lock = threading.Lock()
        self._in_flight: dict[TileKey, _Flight] = {}
        self._failures: dict[TileKey, FailedTile] = {}
        self._acquisitions: dict[TileKey, Acquisition] = {}

    def tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """Tiles in the order asked for, from the cache or from storage, fetched together.

        Raises:
            ImageChangedError: if it is no longer the image that was opened.
        """
        for start in range(0, len(keys), MAX_TOGETHER):
            yield from self._together(keys[start : start + MAX_TOGETHER])

    def tile(self, key: TileKey) -> Tile:
        """One tile.

        Raises:
            TileReadError: if it cannot be read, now or earlier.
            ImageChangedError: if it is no longer the image that was opened.
        """
        [answer] = self.tiles([key])
        if isinstance(answer, FailedTile):
            raise answer.error
        return answer

    @property
    def acquisitions(self) -> dict[TileKey, Acquisition]:
        """What each tile cost so far, failed and repeated reads too."""
        with self._lock:
            return dict(self._acquisitions)

    @property
    def cost(self) -> Acquisition:
        """Of the header and all tiles so far."""
        return self.source.header + total(self.acquisitions.values())

    @property
    def failures(self) -> dict[TileKey, TileReadError]:
        """Tiles that could not be read, and why."""
        with self._lock:
            return {key: failed.error for key, failed in self._failures.items()}

    def take_over(
        self, costs: Mapping[TileKey, Acquisition], failures: Mapping[TileKey, str]
    ) -> None:
        """Count what an earlier reading of the same image cost, and do not ask again for tiles that failed in it."""
        with self._lock:
            for key, cost in costs.items():
                known = self._acquisitions.get(key)
                self._acquisitions[key] = cost if known is None else known + cost
            for key, text in failures.items():
                self._failures[key] = FailedTile(key, TileReadError(text), is_final=True)

    def charge(self, cost: Acquisition) -> None:
        """Count what was read and belongs to no tile: in vain, or by an earlier walk."""
        with self._lock:
            self.source.header += cost

    def abandon(self, error: TileReadError) -> None:
        """Count every tile that is being read right now as failed; storage does not answer for it."""
        with self._lock:
            stuck = list(self._in_flight.items())
            self._failures.update((key, FailedTile(key, error)) for key, _ in stuck)
            self._in_flight.clear()
        for key, flight in stuck:
            flight.set_result(FailedTile(key, error))

    def close(self) -> None:
        """Close the source and give back the cache's memory."""
        self._cache.forget(self._number)
        self.source.close()

    def _together(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        known: dict[TileKey, TileAnswer | _Flight] = {}
        mine: dict[TileKey, _Flight] = {}
        with self._lock:
            for key in keys:
                answer = self._known(key)
                if answer is None:
                    answer = mine[key] = self._in_flight[key] = Future()
                known[key] = answer
        if mine:
            self._fetch(
                mine
            )  # all of them, before waiting for anybody else's: so nobody waits in a circle
        for key in keys:
            found = known[key]
            yield found.result() if isinstance(found, Future) else found

    def _known(self, key: TileKey) -> TileAnswer | _Flight | None:
        if key in self._failures:
            return self._failures[key]
        return self._cache.get((self._number, key)) or self._in_flight.get(key)

    def _fetch(self, mine: dict[TileKey, _Flight]) -> None:
        try:
            again = self._read(mine, list(mine), is_last=False)
            if again:
                self._read(mine, again, is_last=True)
        except BaseException as error:
            with self._lock:
                lost = [key for key in mine if self._in_flight.pop(key, None) is mine[key]]
            for key in lost:
                mine[key].set_exception(_for_those_who_wait(error))
            raise

    def _read(
        self, mine: dict[TileKey, _Flight], keys: Sequence[TileKey], *, is_last: bool
    ) -> list[TileKey]:
        """Read tiles and settle their flights; returns those that are worth another try."""
        again = []
        for answer in self.source.read_tiles(keys):
            key = answer.key
            with self._lock:
                known = self._acquisitions.get(key)
                cost = answer.acquisition
                self._acquisitions[key] = cost if known is None else known + cost
                if isinstance(answer, FailedTile) and not (is_last or answer.is_final):
                    again.append(key)
                elif self._in_flight.pop(key, None) is mine[key]:  # else abandoned meanwhile
                    self._settle(key, answer)
                    mine[key].set_result(answer)
        return again

    def _settle(self, key: TileKey, answer: TileAnswer) -> None:
        if isinstance(answer, FailedTile):
            self._failures[key] = answer
        else:
            self._cache.put((self._number, key), answer)


def _for_those_who_wait(error: BaseException) -> BaseException:
    """What was read in vain is told once: to who read it."""
    return AllowanceSpentError(str(error)) if isinstance(error, AllowanceSpentError) else error
