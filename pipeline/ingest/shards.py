"""Shards of a Zarr 3 array: encoded chunks, one after another, and an index of where each lies.

zarr-python writes a shard only as a whole and encodes it in one go: measured on two cores 55 megapixels/s,
against 113 for the same codec called from our own threads, which also hold blocks of 3 MB where it needs
shards of 50 MB. So the file is put together here; that zarr-python reads it is what the tests check.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from math import ceil, prod
from pathlib import Path
from typing import NamedTuple

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from pipeline.images.zarr.chunks import MISSING
from pipeline.images.zarr.encoded_shard import CHECKSUM_BYTES, encoded_shard
from pipeline.ingest.plan import CHUNK_PX, BlockKey, IngestPlan


class ChunkPlace(NamedTuple):
    """Which chunk of a level."""

    band: int
    """Chunks of bands before it."""
    row: int
    """Chunks above it."""
    col: int
    """Chunks left of it."""


class ShardFiles:
    """The shards of all levels of an image in a directory. Safe to use from many threads.

    A shard is written when the last of its blocks is there, under another name first: a file that bears a
    shard's name is whole.
    """

    def __init__(self, plan: IngestPlan, directory: Path) -> None:
        self._plan = plan
        self._directory = directory
        self._lock = threading.Lock()
        self._open: dict[tuple[int, int, int], dict[BlockKey, Mapping[ChunkPlace, bytes]]] = {}

    def add(self, block: BlockKey, chunks: Mapping[ChunkPlace, bytes]) -> None:
        """Take the encoded chunks of a block; those that are not stored are left out.

        Raises:
            OSError: if the disk does not take them.
        """
        shard = self._plan.shard_of(block)
        with self._lock:
            held = self._open.setdefault(shard, {})
            held[block] = chunks
            if len(held) < len(self._plan.blocks_of(shard)):
                return
            del self._open[shard]
        self._write(shard, held)

    def finished(self) -> set[tuple[int, int, int]]:
        """Shards that are there, whole."""
        return {
            (level, row, col)
            for level in range(len(self._plan.levels))
            for row, col in np.ndindex(*self._grid(level))
            if self._index((level, row, col)) is not None
        }

    def stored(self, block: BlockKey) -> NDArray[np.bool_]:
        """(chunk rows, chunk cols) of a block in a finished shard: True where anything is stored."""
        level, row, col = shard = self._plan.shard_of(block)
        index = self._index(shard)
        if index is None:
            raise ValueError(f"{self._path(shard)}: no whole shard")
        _, high, wide = self._chunks_per_shard(level)
        region = self._plan.region(block)
        top, left = region.y // CHUNK_PX - row * high, region.x // CHUNK_PX - col * wide
        is_stored: NDArray[np.bool_] = (index[..., 0] != MISSING).any(axis=0)  # (rows, cols)
        rows = slice(top, top + ceil(region.height / CHUNK_PX))
        return is_stored[rows, left : left + ceil(region.width / CHUNK_PX)]

    def _write(
        self, shard: tuple[int, int, int], held: Mapping[BlockKey, Mapping[ChunkPlace, bytes]]
    ) -> None:
        level, row, col = shard
        counts = self._chunks_per_shard(level)
        chunks = {
            (place.band, place.row - row * counts[1], place.col - col * counts[2]): encoded
            for block in sorted(held)  # by block: what is near in the image is near in the file
            for place, encoded in held[block].items()
        }
        path = self._path(shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not in the array's directory: there it would be taken for a chunk.
        temporary = self._directory / f".shard-{level}-{row}-{col}"
        with temporary.open("wb") as file:
            file.writelines(encoded_shard(counts, chunks))
        temporary.replace(path)

    def _index(self, shard: tuple[int, int, int]) -> NDArray[np.uint64] | None:
        """(bands, rows, cols, 2) offsets and lengths, or None when the shard is not there or not whole."""
        counts = self._chunks_per_shard(shard[0])
        num_bytes = prod(counts) * 16
        try:
            with self._path(shard).open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - num_bytes - CHECKSUM_BYTES))
                table, checksum = file.read(num_bytes), file.read()
        except FileNotFoundError:
            return None
        # Of nothing the checksum is 0, and nothing says just that: a file may be empty after a power cut.
        is_whole = len(table) == num_bytes
        if not is_whole or int.from_bytes(checksum, "little") != google_crc32c.value(table):
            return None
        return np.frombuffer(table, np.dtype("<u8")).reshape(*counts, 2)  # (bands, rows, cols, 2)

    def _chunks_per_shard(self, level: int) -> tuple[int, int, int]:
        plan, found = self._plan, self._plan.levels[level]
        bands = ceil(plan.num_bands / plan.bands_per_chunk)
        return bands, found.shard_height // CHUNK_PX, found.shard_width // CHUNK_PX

    def _grid(self, level: int) -> tuple[int, int]:
        found = self._plan.levels[level]
        return ceil(found.height / found.shard_height), ceil(found.width / found.shard_width)

    def _path(self, shard: tuple[int, int, int]) -> Path:
        level, row, col = shard
        bands = "0/" if self._plan.num_bands > 1 else ""
        return self._directory / f"{level}/c/{bands}{row}/{col}"
