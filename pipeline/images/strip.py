"""A large box in strips, each shrunk by itself, so that memory does not grow with the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region

MAX_CANVAS_PX = 4096 * 4096
"""Of a strip."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """Some rows of the output, and the rows of the box that they are the mean of."""

    box: Region
    """Rows to read."""
    weights: NDArray[np.float32]
    """(output rows, rows to read): share of each row read in each row shown."""
    is_whole: bool
    """True: the one strip of a box that is small enough to be resampled at once."""


def strips_of(box: Region, base_px: int) -> list[Strip]:
    """The box cut into strips of at most `MAX_CANVAS_PX`, on borders of output rows."""
    if box.area <= MAX_CANVAS_PX:
        return [Strip(box=box, weights=np.empty((0, 0), np.float32), is_whole=True)]
    scale = box.height / base_px
    rows_each = max(1, int(MAX_CANVAS_PX / (box.width * scale)))
    strips = []
    for first in range(0, base_px, rows_each):
        last = min(first + rows_each, base_px)
        top, bottom = int(first * scale), min(box.height, int(np.ceil(last * scale)))
        strips.append(
            Strip(
                box=Region(box.y + top, box.x, bottom - top, box.width),
                weights=_row_weights(first, last, scale, range(top, bottom)),
                is_whole=False,
            )
        )
    return strips


def _row_weights(first: int, last: int, scale: float, rows: range) -> NDArray[np.float32]:
    """How much of each row read lies in each row shown, summing to 1 per row shown."""
    shown = np.arange(first, last, dtype=np.float64)[:, None] * scale  # (output rows, 1)
    read = np.arange(rows.start, rows.stop, dtype=np.float64)[None]  # (1, rows to read)
    overlap = np.minimum(read + 1, shown + scale) - np.maximum(read, shown)
    share: NDArray[np.float64] = np.clip(overlap, 0, None) / scale
    return share.astype(np.float32)
