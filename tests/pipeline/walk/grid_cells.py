"""The cells of one region as regions, one by one: what rows and columns of cells are held against."""

from __future__ import annotations

from pipeline.images.region import Region
from pipeline.walk.grid import Grid


def grid_cells(grid: Grid, parent: Region) -> tuple[Region, ...]:
    """The G cells of a region, row by row."""
    height, ys = grid.spread(parent.height)
    width, xs = grid.spread(parent.width)
    return tuple(Region(parent.y + y, parent.x + x, height, width) for y in ys for x in xs)
