"""What looking at one image cost, level by level, against reading all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np

from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import TileKey
from pipeline.storage.acquisition import Acquisition


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCost:
    """What was read of one level of one image."""

    level: int | None
    """0 is the finest; None is the header and index, which belong to no level."""
    tiles_total: int
    """Stored tiles of the level."""
    tiles_read: int
    """Different tiles that were read."""
    pixels_total: int
    """Pixels of the level."""
    pixels_read: int
    """Different pixels of the level that were shown to the model."""
    acquisition: Acquisition
    """Bytes, requests and seconds."""
    full_scan_bytes: int | None
    """Encoded bytes of all tiles of the level; None where no index says it (a Zarr store on a server)."""


def level_costs(
    source: Source,
    acquisitions: Mapping[TileKey, Acquisition],
    pixels: Mapping[int, int],
) -> tuple[LevelCost, ...]:
    """The header's cost, then each level's, finest first.

    Args:
        source: the open image.
        acquisitions: cost of each tile that was read.
        pixels: per level, how many of its different pixels were shown to the model.
    """
    return (header_cost(source.header), *_costs_of_levels(source, acquisitions, pixels))


def header_cost(read: Acquisition) -> LevelCost:
    """What was read that belongs to no level."""
    return LevelCost(
        level=None,
        tiles_total=0,
        tiles_read=0,
        pixels_total=0,
        pixels_read=0,
        acquisition=read,
        full_scan_bytes=0,
    )


def _costs_of_levels(
    source: Source,
    acquisitions: Mapping[TileKey, Acquisition],
    pixels: Mapping[int, int],
) -> Iterable[LevelCost]:
    keys = sorted(acquisitions)  # so that seconds are always summed in one order
    for index, level in enumerate(source.pyramid.levels):
        read = [acquisitions[key] for key in keys if key.level == index]
        yield LevelCost(
            level=index,
            tiles_total=level.num_tiles,
            tiles_read=len(read),
            pixels_total=level.height * level.width,
            pixels_read=pixels.get(index, 0),
            acquisition=reduce(add, read, Acquisition()),
            full_scan_bytes=source.scan_bytes(index),
        )


def union_area(boxes: Iterable[Region]) -> int:
    """Number of different pixels in the boxes, by sweeping over rows and merging columns."""
    unique = sorted(set(boxes))
    edges = sorted({edge for box in unique for edge in (box.y, box.bottom)})
    area, first = 0, 0
    open_boxes: list[Region] = []
    for top, bottom in pairwise(edges):
        open_boxes = [box for box in open_boxes if box.bottom > top]
        while first < len(unique) and unique[first].y <= top:
            open_boxes.append(unique[first])
            first += 1
        area += (bottom - top) * _union_length(open_boxes)
    return area


def _union_length(boxes: Iterable[Region]) -> int:
    spans = np.array(sorted((box.x, box.right) for box in boxes), np.int64).reshape(-1, 2)
    if not len(spans):
        return 0
    reach = np.maximum.accumulate(spans[:, 1])  # (N,) right end of everything so far
    starts = np.concatenate([spans[:1, 0], np.maximum(spans[1:, 0], reach[:-1])])
    return int(np.maximum(reach - starts, 0).sum())
