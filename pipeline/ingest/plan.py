"""What an ingest will write: levels, blocks to work on, chunks and shards. Pure; nothing is read or written.

A block is what one thread works on at a time; a shard, one file, holds a rectangle of blocks; a chunk is
what a reader decodes. Blocks and shards have one shape at all levels, so four blocks make one of the next
level, and a shard is finished after those below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal, NamedTuple

import numpy as np

from pipeline.images.region import Region

CHUNK_PX = 256
"""A look reads few of them: 256 px is what scanners and COGs use, and 150 KB is a good request."""

Order = Literal["quads", "rows"]


class BlockKey(NamedTuple):
    """Which block."""

    level: int
    """0 is the finest."""
    row: int
    """Row of blocks from the top."""
    col: int
    """Column of blocks from the left."""

    @property
    def parent(self) -> BlockKey:
        """The block of the next level that this is a quarter of."""
        return BlockKey(self.level + 1, self.row // 2, self.col // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPlan:
    """One array to write."""

    height: int
    """Rows, in pixels of this level."""
    width: int
    """Columns, in pixels of this level."""
    shard_height: int
    """Rows of a shard: a multiple of CHUNK_PX."""
    shard_width: int
    """Columns of a shard: a multiple of CHUNK_PX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestPlan:
    """All arrays to write, and how the work is cut."""

    num_bands: int
    """Bands of every level."""
    bands_per_chunk: int
    """Bands in a chunk: all, unless the chunk would be too large."""
    dtype: str
    """NumPy name of the samples."""
    nodata: float | None
    """Value that means "no data"; also what is not stored reads as."""
    alpha: int | None
    """Band that is above 0 where the others mean something, or None."""
    levels: tuple[LevelPlan, ...]
    """Finest first; each half of the one before, rounded up, until one chunk holds all."""
    block_height: int
    """Rows of a block: an even multiple of CHUNK_PX, or CHUNK_PX."""
    block_width: int
    """Columns of a block."""
    order: Order
    """`quads`: squares of blocks, so little is pending at any image size. `rows`: each strip is read once."""

    @property
    def fill_value(self) -> float:
        """What a chunk that is not stored reads as."""
        return 0.0 if self.nodata is None else self.nodata

    @property
    def num_pixels(self) -> int:
        """Of all levels."""
        return sum(level.height * level.width for level in self.levels)

    @property
    def raw_bytes(self) -> int:
        """Of all samples of all levels, not encoded."""
        return self.num_pixels * self.num_bands * np.dtype(self.dtype).itemsize

    def grid(self, level: int) -> tuple[int, int]:
        """Rows and columns of blocks of a level."""
        found = self.levels[level]
        return ceil(found.height / self.block_height), ceil(found.width / self.block_width)

    def region(self, block: BlockKey) -> Region:
        """Pixels of a block, cut at the level's edge."""
        level = self.levels[block.level]
        y, x = block.row * self.block_height, block.col * self.block_width
        return Region(
            y, x, min(self.block_height, level.height - y), min(self.block_width, level.width - x)
        )

    def children(self, block: BlockKey) -> tuple[BlockKey, ...]:
        """The blocks of the level below that it is made of; fewer than four at the edge."""
        rows, cols = self.grid(block.level - 1)
        return tuple(
            BlockKey(block.level - 1, row, col)
            for row in range(2 * block.row, min(2 * block.row + 2, rows))
            for col in range(2 * block.col, min(2 * block.col + 2, cols))
        )

    def shard_of(self, block: BlockKey) -> tuple[int, int, int]:
        """Level, row and column of the shard that holds a block."""
        level = self.levels[block.level]
        row = block.row * self.block_height // level.shard_height
        return block.level, row, block.col * self.block_width // level.shard_width

    def blocks_of(self, shard: tuple[int, int, int]) -> frozenset[BlockKey]:
        """The blocks that a shard holds."""
        level, row, col = shard
        found, (rows, cols) = self.levels[level], self.grid(level)
        high = ceil(found.shard_height / self.block_height)
        wide = ceil(found.shard_width / self.block_width)
        return frozenset(
            BlockKey(level, r, c)
            for r in range(row * high, min((row + 1) * high, rows))
            for c in range(col * wide, min((col + 1) * wide, cols))
        )
