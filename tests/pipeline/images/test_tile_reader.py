"""Tiles are read once, failures are remembered, memory is bounded."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.errors import ReadTimeoutError, TileReadError
from pipeline.images.tile import TileKey
from pipeline.images.tile_cache import MISSING_TILE_BYTES, TileCache
from pipeline.images.tile_reader import TileReader
from tests.array_source import ArraySource

PIXELS = np.arange(64 * 64, dtype=np.uint16).reshape(1, 64, 64)
KEY = TileKey(0, 1, 1)


class TestTileReader:
    def test_many_threads_cause_one_read(self) -> None:
        """However many looks want a tile at the same time, storage is asked once."""
        source = ArraySource([PIXELS], stalled=threading.Event())
        reader = TileReader(source, TileCache(10**6))
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(reader.tile, KEY) for _ in range(8)]
            assert source.stalled is not None
            source.stalled.set()
            tiles = [one.result() for one in waiting]

        assert source.reads == [KEY]
        assert all(tile is tiles[0] for tile in tiles)

    def test_a_failed_tile_is_tried_again_once_and_then_remembered(self) -> None:
        """Storage is asked twice for a broken tile, and never a third time."""
        source = ArraySource([PIXELS], broken=frozenset([KEY]))
        reader = TileReader(source, TileCache(10**6))
        for _ in range(3):
            with pytest.raises(TileReadError):
                reader.tile(KEY)

        assert source.reads == [KEY] * 2
        assert set(reader.failures) == {KEY}

    def test_costs_are_summed_over_repeated_reads(self) -> None:
        """A tile that left the cache costs again, and the ledger says so."""
        source = ArraySource([PIXELS])
        reader = TileReader(source, TileCache(0))
        reader.tile(KEY)
        reader.tile(KEY)

        assert reader.acquisitions[KEY].transferred_bytes == 2 * 16 * 16 * 2

    def test_abandoned_reads_fail_for_all_who_wait(self) -> None:
        """When storage does not answer, who waits is released with the error, and the tile has failed."""
        source = ArraySource([PIXELS], stalled=threading.Event())
        reader = TileReader(source, TileCache(10**6))
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(reader.tile, KEY) for _ in range(2)]
            while not reader._in_flight:
                pass
            reader.abandon(ReadTimeoutError("no answer"))
            assert source.stalled is not None
            source.stalled.set()
            for one in waiting:
                with pytest.raises(ReadTimeoutError):
                    one.result(timeout=10)

        assert set(reader.failures) == {KEY}


class TestTileCache:
    def test_the_bound_holds(self) -> None:
        """Decoded bytes never exceed the bound; the tile used longest ago goes first."""
        source = ArraySource([PIXELS])
        cache = TileCache(3 * 16 * 16 * 2)
        reader = TileReader(source, cache)
        keys = [TileKey(0, 0, col) for col in range(4)]
        for key in (*keys[:3], keys[0], keys[3]):
            reader.tile(key)
            assert cache.num_bytes <= 3 * 16 * 16 * 2
        source.reads.clear()
        reader.tile(keys[0])
        reader.tile(keys[1])

        assert source.reads == [keys[1]]

    def test_tiles_of_which_nothing_is_stored_are_bounded_too(self) -> None:
        """A sparse image has a million of them; remembering one counts, though it has no pixels."""
        keys = [TileKey(0, 0, col) for col in range(4)]
        source = ArraySource([PIXELS], missing=frozenset(keys))
        cache = TileCache(3 * MISSING_TILE_BYTES)
        reader = TileReader(source, cache)
        for key in keys:
            reader.tile(key)
        source.reads.clear()
        reader.tile(keys[3])
        reader.tile(keys[0])

        assert cache.num_bytes == 3 * MISSING_TILE_BYTES
        assert source.reads == [keys[0]]

    def test_a_closed_image_leaves_nothing(self) -> None:
        """Closing an image gives its memory back, and no other's."""
        cache = TileCache(10**6)
        readers = [TileReader(ArraySource([PIXELS]), cache) for _ in range(2)]
        for reader in readers:
            reader.tile(KEY)
        readers[0].close()

        assert cache.num_bytes == 16 * 16 * 2
