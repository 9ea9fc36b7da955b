"""Which open cells to look at next. Each rule holds the open cells of one image.

All rules are deterministic: ties go to the smaller position, and nothing depends on the order in which
looks came back.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from pipeline.walk.candidates import Candidates
from pipeline.walk.config import WalkConfig
from pipeline.walk.frontier import Frontier
from pipeline.walk.glimpse import Glimpse, Position
from pipeline.walk.overlap import ChosenRegions


class Selection(Protocol):
    """A rule, and the open cells it may choose from."""

    def add(self, cells: Candidates) -> None:
        """The candidate cells of one look, or the open roots of the image."""

    def next_wave(self, limit: int | None, chosen: ChosenRegions) -> list[Glimpse]:
        """At most `limit` looks to take next, best first, noted in `chosen`; none when the walk is over."""

    def give_back(self, glimpse: Glimpse) -> None:
        """A chosen look could not be read: its place may go to another cell."""


def selection_for(config: WalkConfig) -> Selection:
    """The rule that a config names. A full scan has no cells to choose from: its roots are the scan."""
    if config.selection == "best_first":
        return BestFirst(config.wave)
    if config.selection == "top_k_per_depth":
        return TopKPerDepth(config.looks_per_depth)
    return TopKPerRegion(config.looks_per_region)


class TopKPerRegion:
    """The k cells of highest probability of each region, one depth after the other (TNet, section 3.1)."""

    def __init__(self, looks_per_region: tuple[int, ...]) -> None:
        self._looks_per_region = looks_per_region
        self._open: dict[Position, tuple[Candidates, deque[int]]] = {}
        self._quota: dict[Position, int] = {}

    def add(self, cells: Candidates) -> None:
        """Open the cells of one region."""
        parent = cells.parent
        if parent is None:
            raise ValueError("a candidate cell has a parent; roots are not chosen")
        self._open[parent] = cells, deque(cells.best_first(cells.log_probs))
        depth = min(parent.depth, len(self._looks_per_region) - 1)
        self._quota[parent] = self._looks_per_region[depth]

    def next_wave(self, limit: int | None, chosen: ChosenRegions) -> list[Glimpse]:
        """The best cells of every open region, regions in the order of their position."""
        wave: list[Glimpse] = []
        for parent in sorted(self._open):
            cells, left = self._open[parent]
            while left and self._quota[parent] > 0 and (limit is None or len(wave) < limit):
                cell = cells[left.popleft()]
                if chosen.take(cell.region, cell.position.depth):
                    self._quota[parent] -= 1
                    wave.append(cell)
        return wave

    def give_back(self, glimpse: Glimpse) -> None:
        """Let the region's next best cell take the place."""
        if glimpse.parent is not None:
            self._quota[glimpse.parent] += 1


class TopKPerDepth:
    """The k cells of highest score of each depth, whatever their regions, one depth after the other."""

    def __init__(self, looks_per_depth: tuple[int, ...]) -> None:
        self._looks_per_depth = looks_per_depth
        self._open: dict[int, Frontier] = {}
        self._num_taken: dict[int, int] = {}

    def add(self, cells: Candidates) -> None:
        """Open the cells of one look."""
        if len(cells):
            self._open.setdefault(cells.position(0).depth, Frontier()).add(cells)

    def next_wave(self, limit: int | None, chosen: ChosenRegions) -> list[Glimpse]:
        """The best cells of the first depth that has any left to take."""
        for depth in sorted(self._open):
            left = self._quota(depth) - self._num_taken.get(depth, 0)
            size = left if limit is None else min(left, limit)
            wave = self._open[depth].take(size, chosen)
            self._num_taken[depth] = self._num_taken.get(depth, 0) + len(wave)
            if wave:
                return wave
        return []

    def give_back(self, glimpse: Glimpse) -> None:
        """Let the depth's next best cell take the place."""
        if glimpse.parent is not None:
            self._num_taken[glimpse.position.depth] -= 1

    def _quota(self, depth: int) -> int:
        return self._looks_per_depth[min(depth - 1, len(self._looks_per_depth) - 1)]


class BestFirst:
    """The open cells of highest score in the whole image, at any depth: one frontier, one budget.

    A path's score is its log attention density relative to uniform, so a cell competes with coarser
    and finer ones alike. (Plain path probabilities always fall with depth: with 25 cells and normalised
    logits the worst cell of a depth beats the best one below it, and the walk would never go deep.)
    """

    def __init__(self, wave: int) -> None:
        self._wave = wave
        self._frontier = Frontier()

    def add(self, cells: Candidates) -> None:
        """Open the cells of one look."""
        self._frontier.add(cells)

    def next_wave(self, limit: int | None, chosen: ChosenRegions) -> list[Glimpse]:
        """The best open cells that do not repeat what was seen."""
        size = self._wave if limit is None else min(self._wave, limit)
        return self._frontier.take(size, chosen)

    def give_back(self, glimpse: Glimpse) -> None:
        """Nothing to do: the next best open cell takes the place by itself."""
