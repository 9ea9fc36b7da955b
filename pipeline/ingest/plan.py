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

from pipeline.errors import UnsupportedImageError
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.region import Region

CHUNK_PX = 256
"""A look reads few of them: 256 px is what scanners and COGs use, and 150 KB is a good request."""
MAX_CHUNK_BYTES = 4 * 2**20
"""A chunk holds all bands, so a window is one request per chunk, unless that makes it larger than this."""
MAX_BLOCK_BYTES = 8 * 2**20
"""Of a block's samples."""
MAX_BLOCK_PX = 1024
"""Side of a block."""
MAX_SHARD_BYTES = 64 * 2**20
"""Of a shard's samples: few objects, none larger than a client fetches in a second or keeps in memory."""
MAX_SHARD_BLOCKS = 4
"""Blocks along a side: shards of at most 4096 x 4096 px."""
WIDE_PX = 4 * MAX_BLOCK_PX
"""Stored tiles wider than this are strips: they are worked off row by row, in flat blocks."""

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


def plan_ingest(pyramid: Pyramid) -> IngestPlan:
    """Cut an image into work that fits into bounded memory, however large it is.

    Raises:
        UnsupportedImageError: if means of its samples make no sense.
    """
    dtype = np.dtype(pyramid.dtype)
    if dtype.kind not in "iuf" or (dtype.kind != "f" and dtype.itemsize == 8):
        raise UnsupportedImageError(
            f"{pyramid.uri}: its samples are {dtype.name}; wanted integers of at most 32 bits, or floats: "
            "write it as one of them"
        )
    num_bands = len(pyramid.bands)
    pixel_bytes = num_bands * dtype.itemsize
    high, wide = _block_sides(pyramid.levels[0], pixel_bytes)
    is_strips = pyramid.levels[0].tile_width > WIDE_PX
    shard = _flat_shard(high, wide, pixel_bytes) if is_strips else _square_shard(high, pixel_bytes)
    return IngestPlan(
        num_bands=num_bands,
        bands_per_chunk=_bands_per_chunk(num_bands, dtype.itemsize),
        dtype=dtype.name,
        nodata=_fitting(pyramid.nodata, dtype),
        alpha=pyramid.bands.index("alpha") if "alpha" in pyramid.bands else None,
        levels=tuple(_levels(pyramid.height, pyramid.width, shard)),
        block_height=high,
        block_width=wide,
        order="rows" if is_strips else "quads",
    )


def _block_sides(level: Level, pixel_bytes: int) -> tuple[int, int]:
    if level.tile_width > WIDE_PX:  # flat: the fewer rows at once, the fewer strips to keep
        return CHUNK_PX, _halved_to_fit(4 * MAX_BLOCK_PX, CHUNK_PX * pixel_bytes)
    side = MAX_BLOCK_PX
    while side > CHUNK_PX and side * side * pixel_bytes > MAX_BLOCK_BYTES:
        side //= 2
    return side, side


def _halved_to_fit(width: int, column_bytes: int) -> int:
    while width > CHUNK_PX and width * column_bytes > MAX_BLOCK_BYTES:
        width //= 2
    return width


def _square_shard(side: int, pixel_bytes: int) -> tuple[int, int]:
    count = MAX_SHARD_BLOCKS
    while count > 1 and (count * side) ** 2 * pixel_bytes > MAX_SHARD_BYTES:
        count //= 2
    return count * side, count * side


def _flat_shard(high: int, wide: int, pixel_bytes: int) -> tuple[int, int]:
    """One row of blocks, so a row of them that is read is a row of shards that is done."""
    count = 16
    while count > 1 and high * wide * count * pixel_bytes > MAX_SHARD_BYTES:
        count //= 2
    return high, count * wide


def _levels(height: int, width: int, shard: tuple[int, int]) -> list[LevelPlan]:
    found = []
    while True:
        chunks_high, chunks_wide = ceil(height / CHUNK_PX), ceil(width / CHUNK_PX)
        found.append(
            LevelPlan(
                height=height,
                width=width,
                shard_height=min(shard[0], chunks_high * CHUNK_PX),
                shard_width=min(shard[1], chunks_wide * CHUNK_PX),
            )
        )
        if chunks_high == chunks_wide == 1:
            return found
        height, width = ceil(height / 2), ceil(width / 2)


def _bands_per_chunk(num_bands: int, item_bytes: int) -> int:
    return max(1, min(num_bands, MAX_CHUNK_BYTES // (CHUNK_PX * CHUNK_PX * item_bytes)))


def _fitting(nodata: float | None, dtype: np.dtype[np.generic]) -> float | None:
    """None for a value that no sample can have, as some writers declare it."""
    if nodata is None:
        return None
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            as_stored = float(dtype.type(nodata))
        return None if np.isinf(as_stored) and np.isfinite(nodata) else as_stored
    info = np.iinfo(dtype.name)
    is_one = float(nodata).is_integer() and info.min <= nodata <= info.max
    return nodata if is_one else None
