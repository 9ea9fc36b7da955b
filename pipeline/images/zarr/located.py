"""From tiles to the byte ranges of their chunks: through the indexes of shards, where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    index_cost: Acquisition | None = None
    """What finding it cost, if it is the first to need its shard's index."""


def locate(
    keys: Sequence[TileKey],
    levels: Sequence[ZarrLevel],
    indexes: ShardIndexes,
    storage: Storage,
) -> list[list[LocatedChunk]]:
    """The chunks of each tile, in the order of their bands. Indexes that are not known yet are fetched together."""
    named = [
        [_named(levels[key.level], *chunk) for chunk in levels[key.level].chunks_of(key)]
        for key in keys
    ]
    found = _indexes_of(named, indexes, storage)
    costs = {name: index.cost for name, index in found.items()}
    return [
        [_located(one, found.get(one.name), costs.pop(one.name, None)) for one in chunks]
        for chunks in named
    ]


@dataclass(frozen=True, slots=True)
class _Named:
    level: ZarrLevel
    first_band: int
    chunk: tuple[int, ...]
    name: str


def _named(level: ZarrLevel, first_band: int, chunk: tuple[int, ...]) -> _Named:
    return _Named(level, first_band, chunk, level.key_of(chunk))


def _indexes_of(
    named: Sequence[Sequence[_Named]], indexes: ShardIndexes, storage: Storage
) -> Mapping[str, ShardIndex]:
    """Of all shards that hold the chunks; fetched together for each level."""
    wanted: dict[ZarrLevel, dict[str, None]] = {}
    for chunks in named:
        for one in chunks:
            if one.level.layout.shard_index is not None:
                wanted.setdefault(one.level, {})[one.name] = None
    found: dict[str, ShardIndex] = {}
    for level, names in wanted.items():
        found.update(indexes.of(names, level.layout, storage))
    return found


def _located(one: _Named, index: ShardIndex | None, cost: Acquisition | None) -> LocatedChunk:
    first, name = one.first_band, one.name
    if index is None:
        return LocatedChunk(first_band=first, name=name, wanted=ByteRange(key=name))
    try:
        wanted = index.range_of(name, one.level.layout.place_in_shard(one.chunk))
    except Exception as error:  # noqa: BLE001  # whatever was wrong with the index is the tile's answer
        return LocatedChunk(first_band=first, name=name, error=error, index_cost=cost)
    return LocatedChunk(first_band=first, name=name, wanted=wanted, index_cost=cost)
