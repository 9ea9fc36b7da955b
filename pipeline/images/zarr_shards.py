"""Indexes of shards: which bytes of a shard hold which of its chunks. Read once per shard, kept within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.images.acquisition import Acquisition
from pipeline.images.disk_file import read_range
from pipeline.images.zarr_chunks import MISSING, ChunkLayout

MAX_INDEX_BYTES = 16 * 2**20
"""Memory for indexes, per open image; the oldest is read again when it is needed again."""


class ShardIndexes:
    """The indexes of one image. Safe to use from many threads."""

    def __init__(self, *, max_bytes: int = MAX_INDEX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._kept: OrderedDict[Path, NDArray[np.uint64]] = OrderedDict()
        self._lock = threading.Lock()

    def read_chunk(
        self, layout: ChunkLayout, path: Path, chunk: tuple[int, ...]
    ) -> tuple[bytes | None, Acquisition]:
        """Stored bytes of an inner chunk, None where none are stored, and what that cost.

        Raises:
            ValueError: if the shard or its index is damaged.
            OSError: if storage fails.
        """
        index, cost = self._index(layout, path)
        if index is None:
            return None, cost
        offset, count = (int(value) for value in index[layout.place_in_shard(chunk)])
        if offset == MISSING and count == MISSING:
            return None, cost
        stored = read_range(path, offset, count)
        if stored is None:
            raise FileNotFoundError(f"{path} has gone while it was read")
        return stored, cost + Acquisition(count, count, 1)

    def _index(
        self, layout: ChunkLayout, path: Path
    ) -> tuple[NDArray[np.uint64] | None, Acquisition]:
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
                return self._kept[path], Acquisition()
        place = layout.shard_index
        if place is None:
            raise ValueError("the array is not sharded")
        try:
            offset = path.stat().st_size - place.num_bytes if place.is_at_end else 0
        except FileNotFoundError:
            return None, Acquisition(0, 0, 1)
        stored = read_range(path, offset, place.num_bytes)
        if stored is None:
            raise FileNotFoundError(f"{path} has gone while it was read")
        index = layout.decode_index(stored)
        self._keep(path, index)
        return index, Acquisition(0, len(stored), 1)

    def _keep(self, path: Path, index: NDArray[np.uint64]) -> None:
        with self._lock:
            if path in self._kept:  # another thread was faster
                return
            self._kept[path] = index
            self._num_bytes += index.nbytes
            while self._num_bytes > self._max_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._num_bytes -= oldest.nbytes
