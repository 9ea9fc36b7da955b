"""A shard as it is stored: encoded chunks, one after another, and an index of where each lies.

zarr-python writes a shard only as a whole and encodes it in one go; who has the chunks one by one puts the file
together here. That zarr-python reads it is what the tests of those who write check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import google_crc32c
import numpy as np

from pipeline.images.zarr.chunks import MISSING

CHECKSUM_BYTES = 4
Place = TypeVar("Place", bound=tuple[int, ...])
"""One number for each dimension."""


def encoded_shard(chunks_per_shard: Place, chunks: Mapping[Place, bytes]) -> list[bytes]:
    """Parts of the file: the chunks, the index, its checksum (Zarr 3, `sharding_indexed`, index at the end).

    Args:
        chunks_per_shard: along each dimension.
        chunks: place in the shard to stored bytes, in the order in which they shall lie in the file; places that
            are left out are stored nowhere.
    """
    index = np.full((*chunks_per_shard, 2), MISSING, np.dtype("<u8"))
    offset = 0
    for place, encoded in chunks.items():
        index[place] = offset, len(encoded)
        offset += len(encoded)
    table = index.tobytes()
    checksum = int(google_crc32c.value(table)).to_bytes(CHECKSUM_BYTES, "little")
    return [*chunks.values(), table, checksum]
