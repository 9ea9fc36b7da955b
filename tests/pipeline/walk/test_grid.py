"""Rules of the candidate grid, against the numbers of the paper's code and by brute force."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.region import Region
from pipeline.walk.grid import Grid, grown, moved_inside
from tests.pipeline.walk.grid_cells import grid_cells


class TestGrid:
    def test_imagenet_cells_are_the_papers(self) -> None:
        """224 px, 5 x 5, 34.375 %: cells of 77 px, stride 37, one pixel of padding at the top left."""
        cells = grid_cells(Grid(5, 0.34375), Region(0, 0, 224, 224))

        assert [cell.y for cell in cells[::5]] == [-1, 36, 73, 110, 147]
        assert [cell.x for cell in cells[:5]] == [-1, 36, 73, 110, 147]
        assert {(cell.height, cell.width) for cell in cells} == {(77, 77)}

    def test_fmow_cells_are_the_papers(self) -> None:
        """896 px, 3 x 3, one half: crops of 448 px at stride 224, then 224 px at stride 112."""
        grid = Grid(3, 0.5)
        level_2 = grid_cells(grid, Region(0, 0, 896, 896))
        level_3 = grid_cells(grid, level_2[4])

        assert [cell.x for cell in level_2[:3]] == [0, 224, 448]
        assert [(cell.y, cell.x) for cell in level_3[:4]] == [
            (224, 224),
            (224, 336),
            (224, 448),
            (336, 224),
        ]
        assert {cell.height for cell in level_3} == {224}

    def test_three_levels_have_49_regions_in_81_cells(self) -> None:
        """With half-overlapping 3 x 3 cells, 81 cells of the third level are 49 different regions."""
        grid = Grid(3, 0.5)
        level_3 = [
            cell
            for parent in grid_cells(grid, Region(0, 0, 896, 896))
            for cell in grid_cells(grid, parent)
        ]

        assert (len(level_3), len(set(level_3))) == (81, 49)

    @given(
        n=st.integers(1, 9),
        fraction=st.floats(0.05, 1.0),
        height=st.integers(1, 4000),
        width=st.integers(1, 4000),
    )
    def test_cells_are_equal_and_evenly_spread(
        self, n: int, fraction: float, height: int, width: int
    ) -> None:
        """All cells have one size, neighbours have one distance, and they stick out evenly."""
        cells = grid_cells(Grid(n, fraction), Region(10, 20, height, width))

        assert len(cells) == n * n
        assert len({(cell.height, cell.width) for cell in cells}) == 1
        columns = [cell.x for cell in cells[:n]]
        assert len({b - a for a, b in pairwise(columns)}) <= 1
        before, after = 20 - columns[0], cells[n - 1].right - (20 + width)
        if n > 1:
            assert before - after in (0, 1)

    @given(st.integers(-50, 300), st.integers(-50, 300), st.integers(1, 100), st.integers(1, 100))
    def test_grown_keeps_the_centre(self, y: int, x: int, height: int, width: int) -> None:
        """Growing moves the centre by less than a pixel and never shrinks."""
        region = Region(y, x, height, width)
        larger = grown(region, 60, 40)

        assert larger.height == max(height, 60)
        assert larger.width == max(width, 40)
        assert abs((larger.y + larger.height / 2) - (y + height / 2)) <= 0.5
        assert abs((larger.x + larger.width / 2) - (x + width / 2)) <= 0.5

    @given(st.integers(-300, 300), st.integers(-300, 300))
    def test_moved_inside_keeps_the_size(self, y: int, x: int) -> None:
        """A region that fits ends inside the image with its size."""
        moved = moved_inside(Region(y, x, 30, 40), 100, 100)

        assert (moved.height, moved.width) == (30, 40)
        assert moved.clipped(100, 100) == moved
