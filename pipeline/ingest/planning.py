"""How an image is cut into levels, blocks and shards that fit into bounded memory, however large it is."""

from __future__ import annotations

from math import ceil

import numpy as np

from pipeline.errors import UnsupportedImageError
from pipeline.images.pyramid import Level, Pyramid
from pipeline.ingest.plan import CHUNK_PX, IngestPlan, LevelPlan

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
