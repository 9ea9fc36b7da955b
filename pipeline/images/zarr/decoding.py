"""The common codecs of Zarr chunks, decoded directly; for all others there is zarr's own pipeline.

zarr's pipeline is asynchronous and general: per chunk it costs more than the decoding itself. And its codecs believe
the size that the stored bytes claim; here no more memory is taken than a chunk has.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import imagecodecs
import numpy as np
from numpy.typing import NDArray

Inflate: TypeAlias = Callable[[bytes, int], Any]
"""Stored bytes and how many there must be to the bytes of the samples."""


def _stored(stored: bytes, _num_bytes: int) -> bytes:
    return stored


def _room(num_bytes: int) -> Any:
    """As much as there must be, and no more."""
    return np.empty(num_bytes, np.uint8)


def _zstd(stored: bytes, num_bytes: int) -> Any:
    return imagecodecs.zstd_decode(stored, out=_room(num_bytes))


def _gzip(stored: bytes, num_bytes: int) -> Any:
    return imagecodecs.gzip_decode(stored, out=_room(num_bytes))


def _zlib(stored: bytes, num_bytes: int) -> Any:
    return imagecodecs.zlib_decode(stored, out=_room(num_bytes))


def _blosc(stored: bytes, num_bytes: int) -> Any:
    [claimed] = struct.unpack_from("<I", stored, 4)
    if claimed != num_bytes:
        raise ValueError(f"it says that it holds {claimed} bytes, not {num_bytes}")
    return imagecodecs.blosc_decode(stored, numthreads=1)


_INFLATERS: Mapping[str, Inflate] = {
    "zstd": _zstd,
    "gzip": _gzip,
    "zlib": _zlib,
    "blosc": _blosc,
}


class ChunkDecoder:
    """Decodes chunks of one array whose samples lie in C order, compressed by one codec or none."""

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype[np.generic], codec: str | None
    ) -> None:
        self._shape = shape
        self._dtype = dtype
        self._num_bytes = prod(shape) * dtype.itemsize
        self._inflate = _stored if codec is None else _INFLATERS[codec]

    def decode(self, stored: bytes) -> NDArray[np.generic]:
        """Stored bytes of a chunk to its samples.

        Raises:
            Exception: whatever the codec raises on damaged data.
        """
        samples = self._inflate(stored, self._num_bytes)
        if len(samples) != self._num_bytes:
            raise ValueError(f"it decodes to {len(samples)} bytes, not {self._num_bytes}")
        found = np.frombuffer(samples, self._dtype).reshape(self._shape)
        return found.astype(self._dtype.newbyteorder("="), copy=False)


def direct_decoder(
    document: Mapping[str, Any], shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> ChunkDecoder | None:
    """A decoder for the chunks of an array, by its metadata; None where its codecs are not the common ones."""
    if dtype.kind not in "biuf":
        return None
    is_v3 = document.get("zarr_format") == 3
    found = _codec_v3(document, dtype) if is_v3 else _codec_v2(document, dtype)
    if found is None:
        return None
    codec, stored_dtype = found
    return ChunkDecoder(shape, stored_dtype, codec)


def named(codecs: Sequence[Any]) -> list[Mapping[str, Any]]:
    """Codecs of a version 3 document; those without options may be bare names there."""
    return [one if isinstance(one, Mapping) else {"name": one} for one in codecs]


def _codec_v3(
    document: Mapping[str, Any], dtype: np.dtype[np.generic]
) -> tuple[str | None, np.dtype[np.generic]] | None:
    """Name of the compressor, and the samples' type with its byte order."""
    codecs = named(document["codecs"])
    if codecs and codecs[0]["name"] == "sharding_indexed":
        codecs = named(codecs[0]["configuration"]["codecs"])
    if not 1 <= len(codecs) <= 2 or codecs[0]["name"] != "bytes":
        return None
    order = (codecs[0].get("configuration") or {}).get("endian", "little")
    stored = dtype.newbyteorder("<" if order == "little" else ">")
    if len(codecs) == 1:
        return None, stored
    name = codecs[1]["name"]
    return (name, stored) if name in ("zstd", "gzip", "blosc") else None


def _codec_v2(
    document: Mapping[str, Any], dtype: np.dtype[np.generic]
) -> tuple[str | None, np.dtype[np.generic]] | None:
    if document.get("filters") or document.get("order", "C") != "C":
        return None
    stored = np.dtype(document["dtype"]) if isinstance(document["dtype"], str) else dtype
    compressor = document.get("compressor")
    if compressor is None:
        return None, stored
    name = compressor.get("id")
    return (name, stored) if name in _INFLATERS else None
