"""From tiles to the byte ranges of their chunks: through the indexes of shards, where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.images.tile import TileKey
from pipeline.images.zarr.level import ZarrLevel
from pipeline.images.zarr.shards import ShardIndex, ShardIndexes
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange
from pipeline.storage.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedChunk:
    """A chunk that holds bands of a tile."""

    first_band: int
    """First band that it holds."""
    name: str
    """Of the object that it lies in, for messages."""
    wanted: ByteRange | None = None
    """Where its bytes are; None: nothing is stored, or an error."""
    error: Exception | None = None
    """Why that is not known."""
    index_cost: Acquisition = field(default_factory=Acquisition)
    """What finding it cost; the first chunk of a shard bears the reading of its index."""


def locate(
    keys: Sequence[TileKey],
    levels: Sequence[ZarrLevel],
    indexes: ShardIndexes,
    storage: Storage,
) -> list[list[LocatedChunk]]:
    """The chunks of each tile, in the order of their bands. Indexes that are not known yet are fetched together."""
    found = _indexes_of(keys, levels, indexes, storage)
    costs = {key: index.cost for key, index in found.items()}
    located = []
    for key in keys:
        level, chunks = levels[key.level], []
        for first, chunk in level.chunks_of(key):
            name = level.key_of(chunk)
            index = found.get(name)
            cost = costs.pop(name, Acquisition())
            chunks.append(_located(level, chunk, first, index, cost))
        located.append(chunks)
    return located


def _indexes_of(
    keys: Sequence[TileKey],
    levels: Sequence[ZarrLevel],
    indexes: ShardIndexes,
    storage: Storage,
) -> Mapping[str, ShardIndex]:
    """Of all shards that hold the tiles."""
    found: dict[str, ShardIndex] = {}
    for number in sorted({key.level for key in keys}):
        level = levels[number]
        if level.layout.shard_index is not None:
            own = [key for key in keys if key.level == number]
            names = dict.fromkeys(level.key_of(c) for key in own for _, c in level.chunks_of(key))
            found.update(indexes.of(names, level.layout, storage))
    return found


def _located(
    level: ZarrLevel,
    chunk: tuple[int, ...],
    first_band: int,
    index: ShardIndex | None,
    cost: Acquisition,
) -> LocatedChunk:
    name = level.key_of(chunk)
    if index is None:
        return LocatedChunk(first_band=first_band, name=name, wanted=ByteRange(key=name))
    try:
        wanted = index.range_of(name, level.layout.place_in_shard(chunk))
    except Exception as error:  # noqa: BLE001  # whatever was wrong with the index is the tile's answer
        return LocatedChunk(first_band=first_band, name=name, error=error, index_cost=cost)
    return LocatedChunk(first_band=first_band, name=name, wanted=wanted, index_cost=cost)
