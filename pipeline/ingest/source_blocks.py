"""Blocks of the image that is ingested, put together from its stored tiles."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pipeline.images.pyramid import Level
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.ingest.plan import CHUNK_PX, BlockKey, IngestPlan

MAX_KEPT_BYTES = 128 * 2**20
"""Decoded tiles that are kept for the next block: the strips of a row of blocks, 170,000 px wide."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pixels:
    """A rectangle of samples, and where any are stored."""

    samples: NDArray[np.generic]
    """(C, h, w)."""
    is_stored: NDArray[np.bool_]
    """(ceil(h / CHUNK_PX), ceil(w / CHUNK_PX)): False where there is nothing, on purpose."""


class SourceBlocks:
    """Reads blocks of level 0. Safe to use from many threads.

    Where tiles lie across blocks, each is decoded once, as long as it is kept; where they do not, none is kept.
    """

    def __init__(self, source: Source, plan: IngestPlan) -> None:
        self._source = source
        self._plan = plan
        level = source.pyramid.levels[0]
        self._is_shared = bool(
            plan.block_height % level.tile_height or plan.block_width % level.tile_width
        )
        self._tiles = _SharedTiles(source)

    def read(self, block: BlockKey) -> Pixels:
        """The samples of a block, no data where nothing is stored.

        Raises:
            TileReadError: if a tile cannot be read.
            ImageChangedError: if the image is no longer the one that was opened.
        """
        region, pyramid = self._plan.region(block), self._source.pyramid
        tiles = self._read(pyramid.tiles_in(0, region), block)
        return joined(tiles, pyramid.levels[0], region, self._plan)

    def _read(self, keys: Sequence[TileKey], block: BlockKey) -> Iterator[Tile]:
        if not self._is_shared:
            return _checked(self._source, keys)
        # Neighbours want the same strips at the same time: let them begin at different ones.
        first = len(keys) // 2 * (block.col % 2)
        return map(self._tiles.tile, (*keys[first:], *keys[:first]))


def joined(tiles: Iterable[Tile], level: Level, region: Region, plan: IngestPlan) -> Pixels:
    """The pixels of a region from the tiles that hold it; the fill value where nothing is stored."""
    shape = (plan.num_bands, region.height, region.width)
    samples = np.full(shape, plan.fill_value, plan.dtype)
    grid = (ceil(region.height / CHUNK_PX), ceil(region.width / CHUNK_PX))
    is_stored = np.zeros(grid, np.bool_)
    for tile in tiles:
        if tile.data is not None:
            _paste(tile, level, region, samples, is_stored)
    return Pixels(samples=samples, is_stored=is_stored)


class _SharedTiles:
    """Tiles that several blocks want: decoded by the first, kept within a bound."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._cache = TileCache(MAX_KEPT_BYTES)
        self._lock = threading.Lock()
        self._in_flight: dict[TileKey, Future[Tile]] = {}

    def tile(self, key: TileKey) -> Tile:
        """One tile.

        Raises:
            TileReadError: if it cannot be read.
        """
        with self._lock:
            kept = self._cache.get((0, key))
            if kept is not None:
                return kept
            flight = self._in_flight.get(key)
            is_mine = flight is None
            if flight is None:
                flight = self._in_flight[key] = Future()
        if is_mine:
            self._fetch(key, flight)
        return flight.result()

    def _fetch(self, key: TileKey, flight: Future[Tile]) -> None:
        try:
            [tile] = _checked(self._source, [key])
        except BaseException as error:
            with self._lock:
                del self._in_flight[key]
            flight.set_exception(error)
            raise
        with self._lock:
            self._cache.put((0, key), tile)
            del self._in_flight[key]
        flight.set_result(tile)


def _checked(source: Source, keys: Sequence[TileKey]) -> Iterator[Tile]:
    """A tile that fails is read once more; then the image is not ingested: nothing is made up."""
    for answer in source.read_tiles(keys):
        yield source.read_tile(answer.key) if isinstance(answer, FailedTile) else answer


def _paste(
    tile: Tile,
    level: Level,
    block: Region,
    samples: NDArray[np.generic],
    is_stored: NDArray[np.bool_],
) -> None:
    found = level.tile_region(tile.key.row, tile.key.col)
    shared = found.intersection(block)
    if shared is None or tile.data is None:
        return
    top, left = shared.y - block.y, shared.x - block.x
    bottom, right = top + shared.height, left + shared.width
    y, x = shared.y - found.y, shared.x - found.x
    samples[:, top:bottom, left:right] = tile.data[
        :, y : y + shared.height, x : x + shared.width
    ]  # (C, h, w)
    is_stored[
        top // CHUNK_PX : ceil(bottom / CHUNK_PX), left // CHUNK_PX : ceil(right / CHUNK_PX)
    ] = True
