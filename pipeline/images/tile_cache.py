"""Decoded tiles that may be wanted again, within a memory bound shared by all open images."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TypeAlias

from pipeline.images.tile import Tile, TileKey

MISSING_TILE_BYTES = 512
"""About what remembering takes that nothing is stored of a tile; a sparse image has a million such tiles."""

CacheKey: TypeAlias = tuple[int, TileKey]
"""Which open image (a number of its own), which tile."""


class TileCache:
    """Least recently used tiles go first. Safe to use from many threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._tiles: OrderedDict[CacheKey, Tile] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def num_bytes(self) -> int:
        """Bytes of what is held now."""
        return self._num_bytes

    def get(self, key: CacheKey) -> Tile | None:
        """The tile if it is still here."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def put(self, key: CacheKey, tile: Tile) -> None:
        """Keep a tile, and let the oldest go until the bound holds."""
        with self._lock:
            if key not in self._tiles:
                self._num_bytes += _num_bytes(tile)
            self._tiles[key] = tile
            while self._num_bytes > self._max_bytes:
                _, oldest = self._tiles.popitem(last=False)
                self._num_bytes -= _num_bytes(oldest)

    def forget(self, image: int) -> None:
        """Drop all tiles of one image."""
        with self._lock:
            for key in [key for key in self._tiles if key[0] == image]:
                self._num_bytes -= _num_bytes(self._tiles.pop(key))


def _num_bytes(tile: Tile) -> int:
    return MISSING_TILE_BYTES if tile.data is None else tile.data.nbytes
