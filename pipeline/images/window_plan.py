"""Where a window's pixels come from: the coarsest level that has enough of them, a box on it, its tiles."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.tile import TileKey

LEVEL_TOLERANCE = 1.05
"""A level may be this much coarser than the window: odd sizes round, 2.0 is stored as 2.0003."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """Where the pixels of a window come from."""

    level: int
    """Level to read; 0 is the finest."""
    box: Region
    """Pixels of that level; may stick out of the image."""
    tiles: tuple[TileKey, ...]
    """Stored tiles that hold the box, row by row."""


def plan_window(pyramid: Pyramid, region: Region, base_px: int) -> WindowPlan:
    """The best level for `region` (level-0 pixels), the box on it, and its tiles."""
    return plan_on_level(pyramid, region, base_px, level_for(pyramid, region, base_px))


def level_for(pyramid: Pyramid, region: Region, base_px: int) -> int:
    """The coarsest level with at least `base_px` pixels across `region` (level-0 pixels)."""
    fitting = [
        index
        for index, level in enumerate(pyramid.levels)
        if level.downsample_y * base_px <= region.height * LEVEL_TOLERANCE
        and level.downsample_x * base_px <= region.width * LEVEL_TOLERANCE
    ]
    return max(fitting, default=0)


def plan_on_level(pyramid: Pyramid, region: Region, base_px: int, index: int) -> WindowPlan:
    """The box of `region` (level-0 pixels) on one level, and its tiles."""
    level = pyramid.levels[index]
    height = _side(region.height / level.downsample_y, base_px)
    width = _side(region.width / level.downsample_x, base_px)
    y, x = round(region.y / level.downsample_y), round(region.x / level.downsample_x)
    box = Region(y, x, height, width)
    return WindowPlan(level=index, box=box, tiles=pyramid.tiles_in(index, box))


def _side(side_px: float, base_px: int) -> int:
    """Rounded; a box within a pixel of the window's own size is that size, and needs no resampling."""
    rounded = max(1, round(side_px))
    return base_px if abs(rounded - base_px) <= 1 else rounded
