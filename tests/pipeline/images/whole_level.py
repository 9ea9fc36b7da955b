"""A level of an image as one array, for tests that compare all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.images.source import Source
from tests.pipeline.images.source_contract import all_keys


def channels_first(level: NDArray[Any]) -> NDArray[Any]:
    """(C, H, W) of (H, W), (H, W, 3), or bands that are first already."""
    return np.moveaxis(level, 2, 0) if level.ndim == 3 else level[None]


def whole(source: Source, level: int) -> NDArray[np.generic]:
    """(C, H, W) of a level, put together from its tiles; 0 where nothing is stored."""
    one = source.pyramid.levels[level]
    found = np.zeros((len(source.pyramid.bands), one.height, one.width), source.pyramid.dtype)
    for key in all_keys(source):
        if key.level == level:
            box = one.tile_region(key.row, key.col)
            data = source.read_tile(key).data
            if data is not None:
                found[:, box.y : box.bottom, box.x : box.right] = data
    return found
