"""The order in which a two-dimensional recurrence can be computed: diagonal by diagonal, each at once.

A cell needs the one on its left and the one above it; both lie on the diagonal before its own. Cells are stored
diagonal by diagonal and, within one, row by row, so that a diagonal is one slice and so are its neighbours: nothing
is padded, and nothing is computed that is not a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Diagonal:
    """Where the cells of a diagonal lie in the stored order, and those that they depend on."""

    start: int
    """First cell."""
    stop: int
    """After the last cell."""
    left_start: int
    """First cell with a left neighbour; such cells are consecutive."""
    left_stop: int
    """After the last cell with a left neighbour."""
    left_from: int
    """The left neighbour of `left_start`; those of the others follow it."""
    above_start: int
    """First cell with a neighbour above; the others follow up to `stop`."""
    above_from: int
    """The neighbour above of `above_start`."""

    @property
    def num_left(self) -> int:
        """Cells with a left neighbour."""
        return self.left_stop - self.left_start

    @property
    def num_above(self) -> int:
        """Cells with a neighbour above."""
        return self.stop - self.above_start


def diagonals(num_rows: int, num_cols: int) -> tuple[Diagonal, ...]:
    """All diagonals of a map, first to last: num_rows + num_cols - 1 of them."""
    found: list[Diagonal] = []
    start, before_start, before_first = 0, 0, 0
    for k in range(num_rows + num_cols - 1):
        first, last = max(0, k - num_cols + 1), min(num_rows - 1, k)  # rows
        stop = start + last - first + 1
        last_left = min(last, k - 1)  # the cell in column 0 has no left neighbour
        first_above = max(first, 1)
        found.append(
            Diagonal(
                start=start,
                stop=stop,
                left_start=start,
                left_stop=start + max(0, last_left - first + 1),
                left_from=before_start + first - before_first,
                above_start=min(stop, start + first_above - first),
                above_from=before_start + first_above - 1 - before_first,
            )
        )
        before_start, before_first, start = start, first, stop
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Wavefront:
    """A map of m x n cells, in diagonal order; N = m n."""

    diagonals: tuple[Diagonal, ...]
    """In order."""
    cells: tuple[Tensor, Tensor]
    """(N,) int64 each: the row-major index of every stored cell, of the map and of the one with columns reversed."""
    stored: tuple[Tensor, Tensor]
    """(N,) int64 each: where every row-major cell of the two is stored."""
    left: Tensor
    """(N,) int64: where the left neighbour is stored; N where there is none."""
    above: Tensor
    """(N,) int64: where the neighbour above is stored; N where there is none."""


@lru_cache(maxsize=64)
def wavefront(num_rows: int, num_cols: int, device: torch.device) -> Wavefront:
    """The order of a map of this shape, kept for the next time."""
    plan = diagonals(num_rows, num_cols)
    count = num_rows * num_cols
    index = torch.arange(count).view(num_rows, num_cols)
    rows, cols = torch.meshgrid(torch.arange(num_rows), torch.arange(num_cols), indexing="ij")
    by_diagonal = ((rows + cols) * num_rows + rows).flatten()
    order = by_diagonal.argsort()
    mirrored = index.flip(1).flatten()[order]
    left, above = torch.full((count,), count), torch.full((count,), count)
    for one in plan:
        left[one.left_start : one.left_stop] = torch.arange(one.num_left) + one.left_from
        above[one.above_start : one.stop] = torch.arange(one.num_above) + one.above_from
    return Wavefront(
        diagonals=plan,
        cells=(order.to(device), mirrored.to(device)),
        stored=(order.argsort().to(device), mirrored.argsort().to(device)),
        left=left.to(device),
        above=above.to(device),
    )
