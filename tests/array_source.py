"""A source over an array in memory, written by hand: counts its reads, fails and stalls where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TileReadError
from pipeline.images.pyramid import Level, PixelSize, Pyramid
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint


@dataclass
class ArraySource(Source):
    """A pyramid of (C, H, W) arrays."""

    levels: list[NDArray[np.generic]]
    tile_px: int = 16
    bands: tuple[str, ...] = ("gray",)
    pixel_size: PixelSize | None = None
    nodata: float | None = None
    uri: str = "memory"
    broken: frozenset[TileKey] = frozenset()
    missing: frozenset[TileKey] = frozenset()
    stalled: threading.Event | None = None
    header: Acquisition = field(
        default_factory=lambda: Acquisition(index_bytes=100, transferred_bytes=100, num_requests=2)
    )
    fingerprint: Fingerprint = field(default_factory=lambda: Fingerprint(1, 2))
    reads: list[TileKey] = field(default_factory=list)
    is_closed: bool = False

    @property  # type: ignore[override]  # computed, so that a test may change the levels
    def pyramid(self) -> Pyramid:
        height, width = self.levels[0].shape[1:]
        return Pyramid(
            uri=self.uri,
            format="array",
            levels=tuple(
                Level(
                    level.shape[1],
                    level.shape[2],
                    self.tile_px,
                    self.tile_px,
                    height / level.shape[1],
                    width / level.shape[2],
                )
                for level in self.levels
            ),
            dtype=str(self.levels[0].dtype),
            bands=self.bands,
            pixel_size=self.pixel_size,
            nodata=self.nodata,
        )

    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        return (self._answer(key) for key in keys)

    def _answer(self, key: TileKey) -> TileAnswer:
        self.reads.append(key)
        if self.stalled is not None:
            self.stalled.wait()
        if key in self.broken:
            return FailedTile(key, TileReadError(f"{self.uri}: tile {key} is broken"))
        if key in self.missing:
            return Tile(key, None, Acquisition(num_requests=1))
        region = self.pyramid.levels[key.level].tile_region(key.row, key.col)
        data = self.levels[key.level][:, region.y : region.bottom, region.x : region.right]
        size = data.nbytes
        cost = Acquisition(requested_bytes=size, transferred_bytes=size, num_requests=1)
        return Tile(key, data, cost)

    def stored(self, level: int) -> NDArray[np.bool_]:
        found = self.pyramid.levels[level]
        is_stored = np.ones((found.num_rows, found.num_cols), np.bool_)
        for key in self.missing:
            if key.level == level:
                is_stored[key.row, key.col] = False
        return is_stored

    def scan_bytes(self, level: int) -> int:
        return self.levels[level].nbytes

    def close(self) -> None:
        self.is_closed = True


def halved(finest: NDArray[np.generic], num_levels: int) -> list[NDArray[np.generic]]:
    """Levels by plain 2 x 2 means of even-sized arrays: (C, H, W) each."""
    levels = [finest]
    for _ in range(num_levels - 1):
        c, h, w = levels[-1].shape
        blocks = levels[-1].astype(np.float64).reshape(c, h // 2, 2, w // 2, 2)
        levels.append(blocks.mean(axis=(2, 4)).round().astype(finest.dtype))
    return levels
