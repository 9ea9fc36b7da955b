"""Open cells that a walk may choose its next looks from, with the scores by which it chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region
from pipeline.walk.glimpse import Glimpse, Position


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates(Sequence[Glimpse]):
    """Those of one look, or all open roots of an image.

    Held as columns: a look has 49 of them, few are ever chosen, and only those become a `Glimpse`.

    Raises:
        ValueError: where the columns are not of one length: a network scored other cells than there are.
    """

    parent: Position | None
    """The look that they lie in; None for roots."""
    positions: NDArray[np.int64]
    """(G, 3) depth, row and column in the tree of looks."""
    boxes: NDArray[np.int64]
    """(G, 4) first row, first column, height and width, in level-0 pixels."""
    scores: NDArray[np.float64]
    """(G,) what cells of different looks are compared by."""
    log_probs: NDArray[np.float64]
    """(G,) what cells of one look are compared by."""

    def __post_init__(self) -> None:
        lengths = [len(one) for one in (self.positions, self.boxes, self.scores, self.log_probs)]
        if len(set(lengths)) > 1:
            raise ValueError(f"{lengths[0]} cells, {lengths[2]} scores, {lengths[3]} probabilities")

    @staticmethod
    def of(glimpses: Sequence[Glimpse]) -> Candidates:
        """Of cells that are there one by one, all of one look."""
        regions = [cell.region for cell in glimpses]
        boxes = [(region.y, region.x, region.height, region.width) for region in regions]
        return Candidates(
            parent=glimpses[0].parent if glimpses else None,
            positions=np.array([cell.position for cell in glimpses], np.int64).reshape(-1, 3),
            boxes=np.array(boxes, np.int64).reshape(-1, 4),
            scores=np.array([cell.score for cell in glimpses], np.float64),
            log_probs=np.array([cell.cell_log_prob for cell in glimpses], np.float64),
        )

    def __len__(self) -> int:
        return len(self.scores)

    @overload
    def __getitem__(self, index: int) -> Glimpse: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Glimpse, ...]: ...

    def __getitem__(self, index: int | slice) -> Glimpse | tuple[Glimpse, ...]:
        """The look that a candidate would be, or those of some."""
        if isinstance(index, slice):
            return tuple(self[one] for one in range(*index.indices(len(self))))
        return Glimpse(
            position=self.position(index),
            region=Region(*self.boxes[index].tolist()),
            parent=self.parent,
            score=float(self.scores[index]),
            cell_log_prob=float(self.log_probs[index]),
        )

    def position(self, index: int) -> Position:
        """Of one of them."""
        return Position(*self.positions[index].tolist())

    def best_first(self, values: NDArray[np.float64]) -> list[int]:
        """Their indices in the order of (G,) `values`, the largest first; ties go to the smaller position."""
        depth, y, x = self.positions.T
        order: list[int] = np.lexsort((x, y, depth, -values)).tolist()
        return order
