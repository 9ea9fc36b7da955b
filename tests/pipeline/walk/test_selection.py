"""Rules of selection, against brute force over all open cells."""

from __future__ import annotations

import random

import pytest

from pipeline.images.region import Region
from pipeline.walk.candidates import Candidates
from pipeline.walk.glimpse import Glimpse, Position
from pipeline.walk.overlap import ChosenRegions
from pipeline.walk.selection import BestFirst, TopKPerRegion


def cell(
    y: int, x: int, *, log_prob: float, depth: int = 1, parent: Position | None = None
) -> Glimpse:
    """A candidate of 10 x 10 pixels at its own place."""
    return Glimpse(
        position=Position(depth, y, x),
        region=Region(10 * y, 10 * x, 10, 10),
        parent=parent or Position(depth - 1, 0, 0),
        score=log_prob,
        cell_log_prob=log_prob,
    )


class TestTopKPerRegion:
    def test_takes_the_k_most_probable_cells(self) -> None:
        """The k cells of highest probability are chosen, best first."""
        rng = random.Random(3)
        cells = [cell(i, 0, log_prob=rng.random()) for i in range(25)]
        rule = TopKPerRegion((3,))
        rule.add(Candidates.of(cells))

        chosen = rule.next_wave(None, ChosenRegions(None))

        assert chosen == sorted(cells, key=lambda c: -c.cell_log_prob)[:3]

    def test_ties_go_to_the_smaller_position(self) -> None:
        """Equal probabilities are taken row by row, whatever the order of arrival."""
        cells = [cell(i // 3, i % 3, log_prob=-1.0) for i in range(9)]
        rule = TopKPerRegion((2,))
        rule.add(Candidates.of(list(reversed(cells))))

        assert rule.next_wave(None, ChosenRegions(None)) == cells[:2]

    def test_every_region_has_its_own_k(self) -> None:
        """Each region gives k cells of its depth, even where another region's cells are all better."""
        good, poor = Position(1, 0, 0), Position(1, 5, 5)
        rule = TopKPerRegion((3, 1))
        rule.add(Candidates.of([cell(i, 0, log_prob=-1.0, depth=2, parent=good) for i in range(4)]))
        rule.add(Candidates.of([cell(i, 9, log_prob=-9.0, depth=2, parent=poor) for i in range(4)]))

        wave = rule.next_wave(None, ChosenRegions(None))

        assert [c.parent for c in wave] == [good, poor]

    def test_identical_windows_are_taken_once(self) -> None:
        """A region that another parent chose already is passed over for the next best."""
        a, b = Position(1, 0, 0), Position(1, 0, 1)
        shared = cell(0, 0, log_prob=-0.1, depth=2, parent=a)
        twin = Glimpse(
            position=Position(2, 0, 3),
            region=shared.region,
            parent=b,
            score=-0.1,
            cell_log_prob=-0.1,
        )
        other = cell(0, 4, log_prob=-0.5, depth=2, parent=b)
        rule = TopKPerRegion((1,))
        rule.add(Candidates.of([shared]))
        rule.add(Candidates.of([twin, other]))

        assert rule.next_wave(None, ChosenRegions(None)) == [shared, other]

    def test_a_failed_look_gives_its_place_to_the_next_best(self) -> None:
        """After a failure the same region proposes one more cell, and only one."""
        cells = [cell(0, i, log_prob=-float(i)) for i in range(4)]
        rule, chosen = TopKPerRegion((1,)), ChosenRegions(None)
        rule.add(Candidates.of(cells))
        [first] = rule.next_wave(None, chosen)
        rule.give_back(first)

        assert rule.next_wave(None, chosen) == [cells[1]]
        assert rule.next_wave(None, chosen) == []

    @pytest.mark.parametrize("limit", [0, 1, 2])
    def test_never_more_than_the_limit(self, limit: int) -> None:
        """A wave is never larger than what is left of the budget."""
        rule = TopKPerRegion((3,))
        rule.add(Candidates.of([cell(0, i, log_prob=-float(i)) for i in range(5)]))

        assert len(rule.next_wave(limit, ChosenRegions(None))) == limit


class TestBestFirst:
    def test_takes_the_best_of_all_open_cells(self) -> None:
        """Whatever was opened when, the next look is the open cell of highest score."""
        rng = random.Random(5)
        rule, chosen, open_cells = BestFirst(1), ChosenRegions(None), []
        for step in range(20):
            fresh = [cell(step, i, log_prob=rng.random()) for i in range(4)]
            rule.add(Candidates.of(fresh))
            open_cells += fresh
            [taken] = rule.next_wave(None, chosen)

            assert taken == max(open_cells, key=lambda c: c.score)
            open_cells.remove(taken)

    def test_overlapping_looks_of_one_depth_are_suppressed(self) -> None:
        """A cell that shares more than `max_overlap` with a chosen one of its depth is never taken."""
        near = Glimpse(
            position=Position(1, 0, 1),
            region=Region(0, 5, 10, 10),
            parent=Position(0, 0, 0),
            score=-1.0,
            cell_log_prob=-1.0,
        )
        best, far = cell(0, 0, log_prob=-0.5), cell(0, 3, log_prob=-2.0)
        rule, chosen = BestFirst(3), ChosenRegions((0.45,))
        rule.add(Candidates.of([best, near, far]))

        assert rule.next_wave(None, chosen) == [best, far]
