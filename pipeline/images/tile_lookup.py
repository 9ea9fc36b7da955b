"""From a tile's key to its pixels on the level, for sources: a wrong key is an error like any other."""

from __future__ import annotations

from pipeline.errors import TileReadError
from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.tile import TileKey


def tile_region(pyramid: Pyramid, key: TileKey) -> Region:
    """The pixels of a tile, cut at the image's edge.

    Raises:
        TileReadError: if there is no such tile.
    """
    if not 0 <= key.level < len(pyramid.levels):
        raise TileReadError(
            f"{pyramid.uri}: there is no level {key.level}, only 0 to {len(pyramid.levels) - 1}"
        )
    level = pyramid.levels[key.level]
    if not (0 <= key.row < level.num_rows and 0 <= key.col < level.num_cols):
        raise TileReadError(
            f"{pyramid.uri}: there is no tile {key.row}, {key.col} on level {key.level}, "
            f"only {level.num_rows} x {level.num_cols}"
        )
    return level.tile_region(key.row, key.col)
