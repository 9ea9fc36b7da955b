"""Indexes of shards: which bytes of a shard hold which of its chunks. Read once per shard, kept within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import StorageError
from pipeline.images.zarr.chunks import MISSING, ChunkLayout
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange, Piece
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.storage import Storage

MAX_INDEX_BYTES = 16 * 2**20
"""Memory for indexes, per open image; the oldest is read again when it is needed again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShardIndex:
    """One shard's index, or why there is none."""

    entries: NDArray[np.uint64] | None = None
    """(*chunks per shard, 2) offsets and lengths; None: there is no such shard, or an error."""
    error: Exception | None = None
    """Why it cannot be used."""
    version: Fingerprint | None = None
    """Version of the shard that it belongs to."""
    cost: Acquisition = field(default_factory=Acquisition)
    """What reading it cost; nothing when it was kept."""

    def range_of(self, key: str, place: tuple[int, ...]) -> ByteRange | None:
        """Where an inner chunk lies; None where none is stored.

        Raises:
            StorageError: if the index could not be read.
            ValueError: if it is damaged.
        """
        if self.error is not None:
            raise self.error
        if self.entries is None:
            return None
        offset, count = (int(value) for value in self.entries[place])
        if offset == MISSING and count == MISSING:
            return None
        if max(offset, count) >= 2**63:
            raise ValueError("its shard's index points beyond any file")
        return ByteRange(key=key, offset=offset, count=count, version=self.version)


class ShardIndexes:
    """The indexes of one image. Safe to use from many threads."""

    def __init__(self, *, max_bytes: int = MAX_INDEX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._kept: OrderedDict[str, ShardIndex] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, keys: Iterable[str], layout: ChunkLayout, storage: Storage
    ) -> Mapping[str, ShardIndex]:
        """The indexes of some shards; those not kept are fetched together."""
        found = {key: self._kept_one(key) for key in keys}
        missing = [key for key, index in found.items() if index is None]
        pieces = storage.fetch([_index_range(key, layout) for key in missing]) if missing else []
        read = {key: _read(piece, layout) for key, piece in zip(missing, pieces, strict=True)}
        for key, index in read.items():
            self._keep(key, index)
        return {key: read[key] if index is None else index for key, index in found.items()}

    def _kept_one(self, key: str) -> ShardIndex | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: str, index: ShardIndex) -> None:
        if (
            index.entries is None
        ):  # a shard that is not there may be asked for again, as a chunk may
            return
        with self._lock:
            if key in self._kept:  # another thread was faster
                return
            self._kept[key] = ShardIndex(entries=index.entries, version=index.version)
            self._num_bytes += index.entries.nbytes
            while self._num_bytes > self._max_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._num_bytes -= 0 if oldest.entries is None else oldest.entries.nbytes


def _index_range(key: str, layout: ChunkLayout) -> ByteRange:
    place = layout.shard_index
    if place is None:
        raise ValueError("the array is not sharded")
    offset = -place.num_bytes if place.is_at_end else 0
    return ByteRange(key=key, offset=offset, count=place.num_bytes)


def _read(piece: Piece, layout: ChunkLayout) -> ShardIndex:
    try:
        stored = piece.checked()
        entries = None if stored is None else layout.decode_index(stored)
    except StorageError as error:
        return ShardIndex(error=error, cost=piece.as_index)
    except Exception as error:  # noqa: BLE001  # zarr raises whatever it likes on damaged data
        return ShardIndex(error=ValueError(f"its shard's index: {error}"), cost=piece.as_index)
    return ShardIndex(entries=entries, version=piece.fingerprint, cost=piece.as_index)
