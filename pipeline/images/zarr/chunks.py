"""Chunks of a Zarr array: where each lies in the store, and how its bytes become samples.

Tiles are not read through zarr's own store: opening an array read-only clones a wrapping store, reads of shards
take other paths than plain ones, and near ranges are coalesced silently, so bytes counted there are wrong.
Here every read is our own and known to the byte; zarr still understands the metadata and decodes.
This is the one file that touches zarr's private parts (`_async_array`, the sharding codec's parts); they exist
in zarr 3.1 and a test reads every kind of array through them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ShardingCodec
from zarr.codecs.sharding import ShardingCodecIndexLocation
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata import ArrayV2Metadata
from zarr.storage import MemoryStore

from pipeline.errors import CorruptImageError, UnsupportedImageError
from pipeline.images.zarr.decoding import direct_decoder
from pipeline.images.zarr.documents import ArrayDocument
from pipeline.images.zarr.event_loop import run_here
from pipeline.images.zarr.index_decoding import IndexDecoder, direct_index_decoder

MISSING = 2**64 - 1
"""Offset and length of an inner chunk that a shard does not store."""


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """Where the index of every shard of an array lies."""

    num_bytes: int
    """Encoded size."""
    is_at_end: bool
    """False: at the start of the shard."""
    codec: ShardingCodec
    """Decodes it, however it is encoded."""
    direct: IndexDecoder | None
    """Decodes it faster, where it is encoded as usual."""
    chunks_per_shard: tuple[int, ...]
    """Inner chunks along each dimension."""


class ChunkLayout:
    """The stored chunks of one array; inner ones, where it is sharded. Safe to use from many threads."""

    def __init__(self, document: ArrayDocument, uri: str) -> None:
        array = _open_array(document, uri)
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
        self.shard_index = self._shard_index(array, document, uri)
        self._direct = direct_decoder(document.content, self.chunks, self.dtype)

    def key_of(self, chunk: tuple[int, ...]) -> str:
        """Key of the stored object that holds a chunk, relative to the array."""
        if self.shard_index is not None:
            per = self.shard_index.chunks_per_shard
            chunk = tuple(at // count for at, count in zip(chunk, per, strict=True))
        key: str = self._metadata.encode_chunk_key(chunk)
        return key

    def is_key(self, key: str) -> bool:
        """Whether an object of this name holds chunks of the array."""
        per = self.shard_index.chunks_per_shard if self.shard_index else (1,) * len(self.shape)
        numbers = re.findall(r"[0-9]+", key)
        if len(numbers) != len(self.shape):
            return False
        chunk = tuple(int(number) * count for number, count in zip(numbers, per, strict=True))
        is_inside = all(
            at * step < side for at, step, side in zip(chunk, self.chunks, self.shape, strict=True)
        )
        return is_inside and self.key_of(chunk) == key

    def place_in_shard(self, chunk: tuple[int, ...]) -> tuple[int, ...]:
        """Which of its shard's inner chunks a chunk is."""
        per = self.shard_index.chunks_per_shard if self.shard_index else (1,) * len(chunk)
        return tuple(at % count for at, count in zip(chunk, per, strict=True))

    def decode(self, stored: bytes) -> NDArray[np.generic]:
        """Stored bytes of a chunk to its samples, in the array's shape of a chunk.

        Raises:
            Exception: whatever zarr and its codecs raise on damaged data.
        """
        if self._direct is not None:
            return self._direct.decode(stored)
        buffer = default_buffer_prototype().buffer.from_bytes(stored)
        [decoded] = run_here(self._pipeline.decode([(buffer, self._spec)]))
        if decoded is None:
            raise ValueError("it decodes to nothing")
        samples: NDArray[np.generic] = decoded.as_numpy_array()
        return samples

    def decode_index(self, stored: bytes) -> NDArray[np.uint64]:
        """Stored bytes of a shard's index to (*chunks per shard, 2) offsets and lengths."""
        index = self.shard_index
        if index is None:
            raise ValueError("the array is not sharded")
        if index.direct is not None:
            return index.direct.decode(stored)
        buffer = default_buffer_prototype().buffer.from_bytes(stored)
        decoded = run_here(index.codec._decode_shard_index(buffer, index.chunks_per_shard))
        found: NDArray[np.uint64] = decoded.offsets_and_lengths
        return found

    def _shard_index(
        self, array: zarr.Array[Any], document: ArrayDocument, uri: str
    ) -> ShardIndex | None:
        if array.shards is None:
            return None
        [codec] = self._metadata.codecs
        if any(isinstance(inner, ShardingCodec) for inner in codec.codecs):
            raise UnsupportedImageError(
                f"{uri}: shards within shards are not supported; write it with one kind of shard"
            )
        per = tuple(s // c for s, c in zip(array.shards, array.chunks, strict=True))
        if min(per) < 1:
            raise CorruptImageError(
                f"{uri}: shards of {array.shards} cannot hold chunks of {array.chunks}; its metadata is "
                "damaged, copy it again from where it came"
            )
        self._pipeline, self._spec = codec.codec_pipeline, codec._get_chunk_spec(self._spec)
        return ShardIndex(
            num_bytes=codec._shard_index_size(per),
            is_at_end=codec.index_location == ShardingCodecIndexLocation.end,
            codec=codec,
            direct=direct_index_decoder(document.content, per),
            chunks_per_shard=per,
        )


def _open_array(document: ArrayDocument, uri: str) -> zarr.Array[Any]:
    """An array without chunks: zarr is given the document that was read, and reads nothing itself.

    Raises:
        UnsupportedImageError: if its chunks are stored in a way that is not supported.
        Exception: whatever zarr raises on damaged metadata.
    """
    _check_storage(document.content, uri)
    text = json.dumps(document.content).encode()
    held = {document.name: default_buffer_prototype().buffer.from_bytes(text)}
    try:
        return zarr.open_array(MemoryStore(held, read_only=True), mode="r")
    except ValueError as error:
        if type(error).__name__ != "UnknownCodecError":  # zarr and numcodecs have one each
            raise
        raise UnsupportedImageError(
            f"{uri}: one of its codecs is not known here: {error}; write it with zstd or blosc"
        ) from error


def _check_storage(document: Mapping[str, Any], uri: str) -> None:
    """Seen before zarr does, which would read such shards whole and only warn of it."""
    grid = document.get("chunk_grid", {"name": "regular"})["name"]
    if grid != "regular":
        raise UnsupportedImageError(
            f"{uri}: its chunk grid is {grid!r}; write it with chunks of one size"
        )
    codecs = [
        codec if isinstance(codec, str) else codec["name"] for codec in document.get("codecs", ())
    ]
    if "sharding_indexed" in codecs and len(codecs) > 1:
        raise UnsupportedImageError(
            f"{uri}: codecs {', '.join(codecs)} around its shards are not supported; write it with "
            "sharding as the only outer codec"
        )
