"""Where the candidate cells of one look lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region
from pipeline.walk.glimpse import Position


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells(Sequence[tuple[Position, Region]]):
    """A grid of regions of one size, row by row; held as its rows and columns, for most cells are never looked at."""

    first: Position
    """Of the first cell; the others follow it by rows and columns."""
    ys: NDArray[np.int64]
    """(N,) first level-0 row of the cells of each row of the grid."""
    xs: NDArray[np.int64]
    """(M,) first level-0 column of the cells of each of its columns."""
    height: int
    """Level-0 rows of a cell."""
    width: int
    """Level-0 columns of a cell."""

    def __len__(self) -> int:
        return len(self.ys) * len(self.xs)

    @overload
    def __getitem__(self, index: int) -> tuple[Position, Region]: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[Position, Region], ...]: ...

    def __getitem__(
        self, index: int | slice
    ) -> tuple[Position, Region] | tuple[tuple[Position, Region], ...]:
        """Position and region of a cell, or of some; of a negative number from the end."""
        if isinstance(index, slice):
            return tuple(self[one] for one in range(*index.indices(len(self))))
        row, col = divmod(range(len(self))[index], len(self.xs))
        depth, y, x = self.first
        return Position(depth, y + row, x + col), Region(
            int(self.ys[row]), int(self.xs[col]), self.height, self.width
        )

    @property
    def positions(self) -> NDArray[np.int64]:
        """(N M, 3) of all cells."""
        rows, cols = np.divmod(np.arange(len(self)), len(self.xs))
        depths = np.full(len(self), self.first.depth)
        return np.stack([depths, self.first.y + rows, self.first.x + cols], axis=1)

    @property
    def boxes(self) -> NDArray[np.int64]:
        """(N M, 4) first row, first column, height and width of all cells, in level-0 pixels."""
        found = np.empty((len(self), 4), np.int64)
        found[:, 0] = np.repeat(self.ys, len(self.xs))
        found[:, 1] = np.tile(self.xs, len(self.ys))
        found[:, 2:] = self.height, self.width
        return found
