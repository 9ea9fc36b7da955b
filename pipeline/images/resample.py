"""Pixels at another size: area means to shrink, bilinear to enlarge."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_MAX_CV_CHANNELS = 4
"""OpenCV's area shrinking takes no more channels at once."""
_BLOCK_ROWS = 64
"""Rows turned into floats at once; all of a strip would take four times the memory of the strip."""


def to_size(pixels: NDArray[np.generic], height: int, width: int) -> NDArray[np.generic]:
    """(h, w, C) to (height, width, C). Untouched when the size is already right.

    Shrinking takes the mean over the exact area, fractional edges included; enlarging is bilinear with
    half-pixel centres. Integers are rounded to nearest.
    """
    h, w, c = pixels.shape
    if (h, w) == (height, width):
        return pixels
    native = _as_cv(pixels)
    parts = [
        _resized(native[:, :, first : first + _MAX_CV_CHANNELS], height, width)
        for first in range(0, c, _MAX_CV_CHANNELS)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)


def shrink_rows(
    pixels: NDArray[np.generic], weights: NDArray[np.float32], width: int
) -> NDArray[np.float32]:
    """(h, w, C) to (rows, width, C): area means across, then `weights` (rows, h) down."""
    h, _, c = pixels.shape
    blocks = [pixels[top : top + _BLOCK_ROWS] for top in range(0, h, _BLOCK_ROWS)]
    narrow = np.concatenate(  # (h, width, C)
        [to_size(block.astype(np.float32), len(block), width) for block in blocks]
    )
    flat = narrow.reshape(h, width * c)
    rows: NDArray[np.float32] = weights @ flat.astype(np.float32, copy=False)
    return rows.reshape(-1, width, c)


def _resized(pixels: NDArray[np.generic], height: int, width: int) -> NDArray[np.generic]:
    h, w, c = pixels.shape
    kind = cv2.INTER_AREA if height <= h and width <= w else cv2.INTER_LINEAR
    out: NDArray[np.generic] = cv2.resize(
        np.ascontiguousarray(pixels), (width, height), interpolation=kind
    )
    return out.reshape(height, width, c)


def _as_cv(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """In a dtype that OpenCV resizes; float32 holds the means of the others well enough."""
    if pixels.dtype in (np.uint8, np.uint16, np.int16, np.float32):
        return pixels
    return pixels.astype(np.float32)
