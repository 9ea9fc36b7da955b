"""Cells and candidates are columns that behave as lists of objects would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.region import Region
from pipeline.walk.candidate_rule import CandidateRule
from pipeline.walk.candidates import Candidates
from pipeline.walk.frontier import Frontier
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.grid import Grid, grown, moved_inside
from pipeline.walk.overlap import ChosenRegions
from tests.pipeline.walk.grid_cells import grid_cells


def glimpse(position: Position, region: Region, score: float = 0.0) -> Glimpse:
    """A look at depth 1, or a root."""
    parent = None if position.depth == 0 else Position(position.depth - 1, 0, 0)
    return Glimpse(
        position=position, region=region, parent=parent, score=score, cell_log_prob=2 * score
    )


class TestCells:
    @given(
        grid=st.builds(Grid, st.integers(1, 7), st.floats(0.05, 1.0)),
        y=st.integers(-40, 900),
        x=st.integers(-40, 900),
        height=st.integers(1, 900),
        width=st.integers(1, 900),
    )
    def test_they_are_those_of_the_grid_one_by_one(
        self, grid: Grid, y: int, x: int, height: int, width: int
    ) -> None:
        """Each region is the grid's own, grown to the finest look and moved inside where it is finer."""
        tree = Geometry(
            height=700, width=600, finest_height=48, finest_width=32, grid=grid, depths=None
        )
        expected = []
        for index, cell in enumerate(grid_cells(grid, Region(y, x, height, width))):
            is_fine = cell.height < 48 or cell.width < 32
            row, col = divmod(index, grid.num_per_side)
            position = Position(3, 5 * grid.num_per_side + row, 6 * grid.num_per_side + col)
            region = moved_inside(grown(cell, 48, 32), 700, 600) if is_fine else cell
            expected.append((position, region))

        found = tree.cells(glimpse(Position(2, 5, 6), Region(y, x, height, width)))

        assert list(found) == expected
        assert (found[-1], found[1:3]) == (expected[-1], tuple(expected[1:3]))
        assert found.positions.tolist() == [list(position) for position, _ in expected]
        assert found.boxes.tolist() == [[r.y, r.x, r.height, r.width] for _, r in expected]
        with pytest.raises(IndexError):
            found[len(found)]


class TestCandidates:
    def test_what_goes_in_comes_out(self) -> None:
        """Made from looks and asked for them one by one, by slice and from the end."""
        cells = [
            glimpse(Position(1, i // 3, i % 3), Region(i, 2 * i, 10, 20), -float(i))
            for i in range(9)
        ]
        found = Candidates.of(cells)

        assert list(found) == cells
        assert found[2:5] == tuple(cells[2:5])
        assert found[-1] == cells[-1]
        assert len(Candidates.of([])) == 0

    def test_scores_of_other_cells_are_refused(self) -> None:
        """A network that scores 4 cells of a look that has 9 is not taken at its word."""
        tree = Geometry(
            height=900, width=900, finest_height=9, finest_width=9, grid=Grid(3, 0.5), depths=None
        )
        root = glimpse(Position(0, 0, 0), Region(0, 0, 900, 900))
        seen = Observation(np.zeros(1, np.float32), np.zeros(4, np.float32))

        with pytest.raises(ValueError, match="9 cells, 4 scores"):
            CandidateRule().opened(root, tree, seen)

    def test_the_largest_come_first_and_ties_go_to_the_smaller_position(self) -> None:
        """Sorting the looks themselves gives the same order."""
        rng = np.random.default_rng(0)
        places = [Position(1, *divmod(int(i), 7)) for i in rng.permutation(49)]
        cells = [glimpse(p, Region(0, 0, 1, 1), float(rng.integers(5))) for p in places]
        found = Candidates.of(cells)

        assert [found[i] for i in found.best_first(found.scores)] == sorted(
            cells, key=lambda cell: (-cell.score, cell.position)
        )


class TestFrontier:
    @given(st.data())
    def test_the_best_of_all_looks_are_taken(self, data: st.DataObject) -> None:
        """As sorting all open cells anew before every wave would take them, repeated regions left out."""
        frontier, chosen = Frontier(), ChosenRegions(None)
        open_cells: list[Glimpse] = []
        seen: set[Region] = set()
        for step in range(data.draw(st.integers(1, 5))):
            scores = data.draw(st.lists(st.integers(0, 3), max_size=6))
            added = [
                glimpse(Position(1, step, i), Region(10 * s, i % 2, 9, 9), float(s))
                for i, s in enumerate(scores)
            ]
            frontier.add(Candidates.of(added))
            open_cells = sorted(open_cells + added, key=lambda c: (-c.score, c.position))
            count, expected = data.draw(st.integers(0, 4)), []
            while open_cells and len(expected) < count:
                cell = open_cells.pop(0)
                if cell.region not in seen:
                    seen.add(cell.region)
                    expected.append(cell)

            assert frontier.take(count, chosen) == expected
