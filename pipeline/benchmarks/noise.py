"""What noise looks like: pairs of straight lines, in the published order of draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FLIP_RATE = 0.33
_LEAST, _SPREAD = 0.8, 0.2
"""Brightness of a pixel of a line: from 0.8 to 1."""


def noise_patterns(count: int, side: int, rng: np.random.RandomState) -> NDArray[np.uint8]:
    """(count, side, side) two lines each, every pixel of a brightness of its own, 204 to 254.

    The first line runs from the first corner to an edge. The second is the first of another pattern, mirrored
    left to right by either of two draws: the published generators call them flips of x and of y, and mirror
    the same axis with both.
    """
    slopes = np.tan(rng.rand(count) * np.pi / 2.5)
    first = np.zeros((count, side, side), bool)
    for line, slope in zip(first, slopes, strict=True):
        _draw_line(line, slope)
    second = first[rng.permutation(count)]
    is_mirrored = (rng.rand(count) < _FLIP_RATE) ^ (rng.rand(count) < _FLIP_RATE)
    second[is_mirrored] = second[is_mirrored][:, :, ::-1]
    brightness = rng.rand(count, side, side) * _SPREAD + _LEAST
    lines = ((first | second) * brightness).astype(np.float32)
    return (lines * np.float32(255)).astype(np.uint8)


def _draw_line(tile: NDArray[np.bool_], slope: float) -> None:
    """Into (side, side), from the first corner."""
    side = len(tile)
    last = side - 0.51  # just short of what would be rounded out of the tile
    rows = np.linspace(0, min(last, last / slope), 2 * side)
    tile[np.round(rows).astype(int), np.round(slope * rows).astype(int)] = True
