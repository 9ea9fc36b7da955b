"""How large the result of an ingest will be, from a sample of encoded tiles."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pipeline.images.pyramid import Level
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import Tile
from pipeline.ingest.codec import ChunkCodec
from pipeline.ingest.means import area_means
from pipeline.ingest.plan import CHUNK_PX, IngestPlan
from pipeline.ingest.source_blocks import joined

NUM_SAMPLES = 40
MAX_SAMPLE_BYTES = 48 * 2**20
"""Of decoded tiles: a quarter of a second of decoding."""
MIN_SAMPLES = 3
"""Where one alone is large: strips of a wide image."""
GOLDEN = 0.6180339887


@dataclass(slots=True)
class _Sum:
    """Pixels, and the bytes they take."""

    pixels: int = 0
    encoded: int = 0
    source: float = 0.0

    @property
    def per_pixel(self) -> float:
        return self.encoded / self.pixels if self.pixels else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Sizes before and after."""

    source_bytes: int | None
    """Encoded bytes of level 0 as it is stored now; None if its index does not say."""
    result_bytes: int
    """Encoded bytes of all levels of the result, about."""


def estimate(source: Source, plan: IngestPlan, codec: ChunkCodec) -> Estimate:
    """Encode some places, spread over the image, and what they become at half the size.

    Tiles cost before what they cost after, more or less: tissue much, glass little. So where the index
    tells what all tiles take, the sample is weighed with that.

    Raises:
        ImageChangedError: if the image is no longer the one that was opened.
    """
    finest, coarser = _Sum(), _Sum()
    for region in _regions(source.pyramid.levels[0], plan):
        tiles = _tiles(source, region)
        pixels = joined(tiles, source.pyramid.levels[0], region, plan)
        finest.source += sum(_share(tile, source, region) for tile in tiles)
        if pixels.is_stored.any():
            _count(finest, pixels.samples, plan, codec)
            _count(coarser, area_means(pixels.samples, plan.nodata, plan.alpha), plan, codec)
    stored = source.scan_bytes(0)
    level = plan.levels[0]
    base = finest.per_pixel * level.height * level.width
    if stored is not None and finest.source:
        base = stored * finest.encoded / finest.source
    ratio = coarser.per_pixel / finest.per_pixel if finest.encoded else 1.0
    above = (plan.num_pixels - level.height * level.width) / (level.height * level.width)
    return Estimate(source_bytes=stored, result_bytes=round(base * (1 + above * ratio)))


def _regions(level: Level, plan: IngestPlan) -> list[Region]:
    """Places of two by two chunks, or of a whole tile, spread over level 0."""
    sides = [
        ceil(max(2 * CHUNK_PX, tile) / CHUNK_PX) * CHUNK_PX
        for tile in (level.tile_height, level.tile_width)
    ]
    rows, cols = ceil(level.height / sides[0]), ceil(level.width / sides[1])
    num_bytes = sides[0] * sides[1] * plan.num_bands * np.dtype(plan.dtype).itemsize
    count = min(rows * cols, NUM_SAMPLES, max(MIN_SAMPLES, MAX_SAMPLE_BYTES // num_bytes))
    # By the golden ratio: an even step could follow one column.
    places = {int(rows * cols * ((0.5 + index * GOLDEN) % 1.0)) for index in range(count)}
    found = []
    for place in sorted(places):
        row, col = divmod(place, cols)
        region = Region(row * sides[0], col * sides[1], sides[0], sides[1])
        inside = region.clipped(level.height, level.width)
        if inside is not None:
            found.append(inside)
    return found


def _tiles(source: Source, region: Region) -> list[Tile]:
    """Those that can be read; ingest will say which cannot."""
    answers = source.read_tiles(source.pyramid.tiles_in(0, region))
    return [answer for answer in answers if isinstance(answer, Tile)]


def _share(tile: Tile, source: Source, region: Region) -> float:
    """Stored bytes of the part of a tile that lies in a region."""
    found = source.pyramid.levels[0].tile_region(tile.key.row, tile.key.col)
    return tile.acquisition.requested_bytes * found.overlap(region)


def _count(into: _Sum, samples: NDArray[np.generic], plan: IngestPlan, codec: ChunkCodec) -> None:
    """Encode as the ingest would: chunk by chunk, those at an edge padded."""
    _, height, width = samples.shape
    into.pixels += height * width
    for band in range(0, plan.num_bands, plan.bands_per_chunk):
        for y in range(0, height, CHUNK_PX):
            for x in range(0, width, CHUNK_PX):
                shape = (plan.bands_per_chunk, CHUNK_PX, CHUNK_PX)
                chunk = np.full(shape, plan.fill_value, plan.dtype)
                part = samples[band:, y:, x:][tuple(map(slice, shape))]  # (bands, h, w)
                chunk[tuple(map(slice, part.shape))] = part
                into.encoded += len(codec.encode(chunk))
