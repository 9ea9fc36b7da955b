"""What scores of coarse cells say of finer ones, for looks that go down by more than one depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.walk.cells import Cells


def spread_scores(scores: NDArray[np.float32], cells: Cells, finer: Cells) -> NDArray[np.float32]:
    """What scores of coarse cells say of finer ones: linear between centres, constant beyond the outermost.

    Args:
        scores: (n n,) of `cells`.
        cells: a grid of n x n.
        finer: another one over the same region, m x m.

    Returns:
        (m m,) row by row.
    """
    grid = scores.reshape(len(cells.ys), len(cells.xs))
    rows = _between(cells.ys + cells.height / 2, finer.ys + finer.height / 2)  # (m, n)
    cols = _between(cells.xs + cells.width / 2, finer.xs + finer.width / 2)  # (m, n)
    spread: NDArray[np.float32] = (rows @ grid @ cols.T).astype(np.float32).ravel()
    return spread


def _between(at: NDArray[np.floating], wanted: NDArray[np.floating]) -> NDArray[np.float64]:
    """(m, n) shares that values at n places have in each of m."""
    return np.stack([np.interp(wanted, at, one) for one in np.eye(len(at))], axis=1)
