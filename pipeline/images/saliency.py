"""What stands out without any learning: the brightest blob of about the size of what is looked for."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def blob_scores(
    window: NDArray[np.float32], *, num_per_side: int, cell_fraction: float, blob_px: float
) -> NDArray[np.float32]:
    """How much the brightest blob in each cell of a grid stands out from those in the others.

    Args:
        window: (C, base, base), values 0 to 1; bands are averaged.
        num_per_side: n of the n x n cells.
        cell_fraction: side of a cell as a fraction of the window's.
        blob_px: side of a blob, in window pixels.

    Returns:
        (G,) the largest mean of a blob-sized box in each cell, row by row, as standard scores; 0 where all are alike.
    """
    side = max(1, round(blob_px))
    means = cv2.blur(window.mean(axis=0), (side, side), borderType=cv2.BORDER_REPLICATE)
    base = means.shape[0]
    cell = round(base * cell_fraction)
    firsts = np.round(np.linspace(0, base - cell, num_per_side)).astype(int)
    margin = side // 2  # a blob's box must lie inside the cell
    inner = max(1, cell - 2 * margin)
    peaks = cv2.dilate(means, np.ones((inner, inner), np.uint8), anchor=(0, 0))
    best = peaks[np.ix_(firsts + margin, firsts + margin)].ravel()  # (G,)
    spread = float(best.std())
    scores: NDArray[np.float32] = (best - best.mean()) / (spread or 1.0)
    return scores.astype(np.float32)
