"""What reading everything, or everything with tissue, would cost: from an image's index, without reading it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.image_record import ImageRecord
from pipeline.images.foreground import Foreground, ForegroundKind, find_foreground, read_mask
from pipeline.images.input_spec import fit_bands
from pipeline.images.opening import open_source
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_lookup import tile_region
from pipeline.images.tile_reader import TileReader
from pipeline.images.window_plan import plan_window
from pipeline.savings.measure import Measure
from pipeline.savings.walked import WorkPerLook
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import total
from pipeline.walk.roots import full_scan
from pipeline.walk.walk_plan import WalkPlan, described, geometry_of

_MAX_PLANNED = 250_000
"""Tiles whose stored sizes are asked for at once."""
_CACHE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Two ways that need no run."""

    everything: Measure
    """Every pixel of the level that a full scan reads."""
    foreground: Measure | None
    """Every tile of that level with something to see; None where no such mask was asked for."""


def count_unread(
    record: ImageRecord, plan: WalkPlan, *, kind: ForegroundKind, work: WorkPerLook
) -> Unread:
    """Count one image.

    Args:
        record: which.
        plan: the model's; its walk says what a full scan is.
        kind: of the mask; the manifest's own comes first.
        work: of the network.

    Raises:
        ImageError: if the image can no longer be opened, or has no level to find tissue on.
    """
    source = open_source(record.image_path, plan.places)
    tiles = TileReader(source, TileCache(_CACHE_BYTES))
    try:
        pyramid = described(source.pyramid, record)
        level = _scanned_level(pyramid, plan)
        opening = source.header
        everything = _after(opening, _count(record, plan, source, pyramid, level, None, work))
        foreground = _foreground(record, plan, tiles, kind)
        if foreground is None:
            return Unread(everything=everything, foreground=None)
        # Who wants the tissue only must first look for it; tiles that show some are then here already.
        looked_for = source.header + total(
            cost
            for key, cost in tiles.acquisitions.items()
            if key.level != level or not _shows(foreground, pyramid, key)
        )
        found = _count(record, plan, source, pyramid, level, foreground, work)
        return Unread(
            everything=everything, foreground=replace(_after(looked_for, found), way="foreground")
        )
    finally:
        tiles.close()


def _scanned_level(pyramid: Pyramid, plan: WalkPlan) -> int:
    """Whatever a walk's budget reached: the model's finest windows are read from here."""
    window = next(full_scan(geometry_of(pyramid, plan), None))
    return plan_window(pyramid, window.region, plan.spec.base_px).level


def _foreground(
    record: ImageRecord, plan: WalkPlan, tiles: TileReader, kind: ForegroundKind
) -> Foreground | None:
    if record.mask_path is not None:
        return read_mask(Path(record.mask_path), tiles.source.pyramid)
    return find_foreground(tiles, fit_bands(plan.spec, tiles.source.pyramid), kind)


def _count(
    record: ImageRecord,
    plan: WalkPlan,
    source: Source,
    pyramid: Pyramid,
    level: int,
    foreground: Foreground | None,
    work: WorkPerLook,
) -> Measure:
    finest = pyramid.levels[level]
    looks = sum(1 for _ in full_scan(geometry_of(pyramid, plan), foreground))
    if foreground is None:
        tiles, pixels = finest.num_tiles, finest.height * finest.width
        stored = source.scan_bytes(level)
    else:
        keys = list(_keys_with(foreground, pyramid, level))
        tiles = len(keys)
        pixels = sum(tile_region(pyramid, key).area for key in keys)
        stored = source.stored_bytes(keys) if tiles <= _MAX_PLANNED else None
    return Measure(
        sample_id=record.sample_id,
        way="full_scan",
        budget=None,
        is_run=False,
        looks=looks,
        pixels=pixels,
        native_pixels=pixels if level == 0 else 0,
        tiles=tiles,
        requested_bytes=stored,
        bytes_read=stored,
        multiplications=work.of(looks),
    )


def _keys_with(foreground: Foreground, pyramid: Pyramid, index: int) -> Iterator[TileKey]:
    level = pyramid.levels[index]
    for row in range(-(-level.height // level.tile_height)):
        for col in range(-(-level.width // level.tile_width)):
            key = TileKey(index, row, col)
            if _shows(foreground, pyramid, key):
                yield key


def _shows(foreground: Foreground, pyramid: Pyramid, key: TileKey) -> bool:
    """Whether there is something to see in a tile."""
    level = pyramid.levels[key.level]
    return foreground.fraction(_on_level_0(tile_region(pyramid, key), level, pyramid)) > 0


def _on_level_0(region: Region, level: Level, pyramid: Pyramid) -> Region:
    y, x = pyramid.height / level.height, pyramid.width / level.width
    top, left = int(region.y * y), int(region.x * x)
    return Region(
        top,
        left,
        max(1, min(round(region.bottom * y), pyramid.height) - top),
        max(1, min(round(region.right * x), pyramid.width) - left),
    )


def _after(before: Acquisition, tiles: Measure) -> Measure:
    """Tiles, and what was read before the first of them."""
    if tiles.bytes_read is None:
        return tiles
    return replace(tiles, bytes_read=tiles.bytes_read + before.transferred_bytes)
