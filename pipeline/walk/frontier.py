"""Open cells of many looks, from which the best are taken."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TypeAlias

from pipeline.walk.candidates import Candidates
from pipeline.walk.glimpse import Glimpse, Position
from pipeline.walk.overlap import ChosenRegions

_Best: TypeAlias = tuple[float, Position, int, int]
"""Its score, negated; its position, which decides ties; which look's it is, and its index there."""


class Frontier:
    """Merges the cells of looks, each sorted once: only the best open cell of each look waits in the heap."""

    def __init__(self) -> None:
        self._opened: list[tuple[Candidates, Iterator[int]]] = []
        self._heap: list[_Best] = []

    def add(self, cells: Candidates) -> None:
        """Open the cells of one look."""
        self._opened.append((cells, iter(cells.best_first(cells.scores))))
        self._push_next(len(self._opened) - 1)

    def take(self, count: int, chosen: ChosenRegions) -> list[Glimpse]:
        """At most `count` of the best that `chosen` allows, noted there; those that it does not allow are gone."""
        taken: list[Glimpse] = []
        while self._heap and len(taken) < count:
            _, _, number, index = heapq.heappop(self._heap)
            cell = self._opened[number][0][index]
            self._push_next(number)
            if chosen.take(cell.region, cell.position.depth):
                taken.append(cell)
        return taken

    def _push_next(self, number: int) -> None:
        cells, order = self._opened[number]
        index = next(order, None)
        if index is not None:
            best = -float(cells.scores[index]), cells.position(index), number, index
            heapq.heappush(self._heap, best)
