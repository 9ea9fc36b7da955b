"""Chunks of a Zarr array: where each lies in the store, and how its bytes become samples.

Tiles are not read through zarr's own store: opening an array read-only clones a wrapping store, reads of shards
take other paths than plain ones, and near ranges are coalesced silently, so bytes counted there are wrong.
Here every read is our own and known to the byte; zarr still understands the metadata and decodes.
This is the one file that touches zarr's private parts (`_async_array`, the sharding codec's parts); they exist
in zarr 3.1 and a test reads every kind of array through them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ShardingCodec
from zarr.codecs.sharding import ShardingCodecIndexLocation
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata import ArrayV2Metadata

from pipeline.errors import UnsupportedImageError

MISSING = 2**64 - 1
"""Offset and length of an inner chunk that a shard does not store."""

T = TypeVar("T")
_per_thread = threading.local()


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """Where the index of every shard of an array lies."""

    num_bytes: int
    """Encoded size."""
    is_at_end: bool
    """False: at the start of the shard."""
    codec: ShardingCodec
    """Decodes it."""
    chunks_per_shard: tuple[int, ...]
    """Inner chunks along each dimension."""


class ChunkLayout:
    """The stored chunks of one array; inner ones, where it is sharded. Safe to use from many threads."""

    def __init__(self, array: zarr.Array[Any], uri: str) -> None:
        self.shape: tuple[int, ...] = array.shape
        self.chunks: tuple[int, ...] = array.chunks
        self.dtype: np.dtype[np.generic] = array.dtype
        self.fill_value: Any = array.fill_value if array.fill_value is not None else 0
        self._metadata = array._async_array.metadata
        self._pipeline = array._async_array.codec_pipeline
        config = array._async_array.config
        if isinstance(self._metadata, ArrayV2Metadata):  # there the order of samples is on disk
            config = replace(config, order=self._metadata.order)
        self._spec: ArraySpec = self._metadata.get_chunk_spec(
            (0,) * array.ndim, config, default_buffer_prototype()
        )
        self.shard_index = self._shard_index(array, uri)

    def key_of(self, chunk: tuple[int, ...]) -> str:
        """Key of the stored object that holds a chunk, relative to the array."""
        if self.shard_index is not None:
            per = self.shard_index.chunks_per_shard
            chunk = tuple(at // count for at, count in zip(chunk, per, strict=True))
        key: str = self._metadata.encode_chunk_key(chunk)
        return key

    def all_keys(self) -> Iterator[str]:
        """Keys of all objects that the array may have."""
        per = self.shard_index.chunks_per_shard if self.shard_index else (1,) * len(self.shape)
        sides = [c * n for c, n in zip(self.chunks, per, strict=True)]
        counts = [-(-side // step) for side, step in zip(self.shape, sides, strict=True)]
        for at in np.ndindex(*counts):
            yield self._metadata.encode_chunk_key(at)

    def place_in_shard(self, chunk: tuple[int, ...]) -> tuple[int, ...]:
        """Which of its shard's inner chunks a chunk is."""
        per = self.shard_index.chunks_per_shard if self.shard_index else (1,) * len(chunk)
        return tuple(at % count for at, count in zip(chunk, per, strict=True))

    def decode(self, stored: bytes) -> NDArray[np.generic]:
        """Stored bytes of a chunk to its samples, in the array's shape of a chunk."""
        buffer = default_buffer_prototype().buffer.from_bytes(stored)
        [decoded] = _run(self._pipeline.decode([(buffer, self._spec)]))
        if decoded is None:
            raise ValueError("it decodes to nothing")
        samples: NDArray[np.generic] = decoded.as_numpy_array()
        return samples

    def decode_index(self, stored: bytes) -> NDArray[np.uint64]:
        """Stored bytes of a shard's index to (*chunks per shard, 2) offsets and lengths."""
        index = self.shard_index
        if index is None:
            raise ValueError("the array is not sharded")
        buffer = default_buffer_prototype().buffer.from_bytes(stored)
        decoded = _run(index.codec._decode_shard_index(buffer, index.chunks_per_shard))
        found: NDArray[np.uint64] = decoded.offsets_and_lengths
        return found

    def _shard_index(self, array: zarr.Array[Any], uri: str) -> ShardIndex | None:
        if array.shards is None:
            return None
        codecs = self._metadata.codecs
        if len(codecs) != 1 or not isinstance(codecs[0], ShardingCodec):
            raise UnsupportedImageError(
                f"{uri}: codecs around its sharding codec are not supported; write it with sharding "
                "as the only outer codec"
            )
        [codec] = codecs
        if any(isinstance(inner, ShardingCodec) for inner in codec.codecs):
            raise UnsupportedImageError(f"{uri}: shards within shards are not supported")
        per = tuple(s // c for s, c in zip(array.shards, array.chunks, strict=True))
        self._pipeline, self._spec = _inner(codec, self._spec)
        checked = any(isinstance(inner, Crc32cCodec) for inner in codec.index_codecs)
        return ShardIndex(
            num_bytes=16 * int(np.prod(per)) + (4 if checked else 0),
            is_at_end=codec.index_location == ShardingCodecIndexLocation.end,
            codec=codec,
            chunks_per_shard=per,
        )


def open_array(group: zarr.Group, path: str) -> zarr.Array[Any]:
    """An array of a group.

    Raises:
        KeyError: if there is none of that name.
    """
    found = group[path]
    if not isinstance(found, zarr.Array):
        raise KeyError(f"{path} is a group, not an array")
    return found


def open_group(path: str) -> tuple[zarr.Group, Mapping[str, Any]]:
    """A group and its attributes, read only."""
    group = zarr.open_group(path, mode="r")
    return group, group.attrs.asdict()


def _inner(codec: ShardingCodec, outer: ArraySpec) -> tuple[Any, ArraySpec]:
    spec = codec._get_chunk_spec(outer)
    return codec.codec_pipeline, spec


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to its end on an event loop of this thread's own; zarr's shared one would be a bottleneck."""
    own = getattr(_per_thread, "loop", None)
    if own is None:
        own = _per_thread.loop = _Loop()
    result: T = own.run(work)
    return result


class _Loop:
    """An event loop that is closed when its thread ends, with the one thread that codecs hand their work to."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(1, "foveate-codec"))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to its end."""
        return self._loop.run_until_complete(work)

    def __del__(self) -> None:
        self._loop.close()
