"""What scores of coarse cells say of finer ones, for looks that go down by more than one depth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region


def spread_scores(
    scores: NDArray[np.float32], cells: Sequence[Region], finer: Sequence[Region]
) -> NDArray[np.float32]:
    """What scores of coarse cells say of finer ones: linear between centres, constant beyond the outermost.

    Args:
        scores: (n n,) of `cells`.
        cells: a square grid, row by row.
        finer: another one over the same region, m x m.

    Returns:
        (m m,) row by row.
    """
    ys, xs = _centres(cells)  # (n,) each
    finer_ys, finer_xs = _centres(finer)  # (m,) each
    grid = scores.reshape(len(ys), len(xs))
    both = _between(ys, finer_ys) @ grid @ _between(xs, finer_xs).T  # (m, m)
    spread: NDArray[np.float32] = both.astype(np.float32).ravel()
    return spread


def _centres(cells: Sequence[Region]) -> tuple[list[float], list[float]]:
    """Of the rows and of the columns of a square grid."""
    n = round(len(cells) ** 0.5)
    ys = [cell.y + cell.height / 2 for cell in cells[::n]]
    return ys, [cell.x + cell.width / 2 for cell in cells[:n]]


def _between(at: Sequence[float], wanted: Sequence[float]) -> NDArray[np.float64]:
    """(m, n) shares that values at n places have in each of m."""
    return np.stack([np.interp(wanted, at, one) for one in np.eye(len(at))], axis=1)
