"""A network may say how deep to look next: the walk goes there, and reads nothing in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.records.result import conclude
from pipeline.walk.config import WalkConfig
from pipeline.walk.episode import Episode, TrainingWalk
from pipeline.walk.exploration import ExplorationConfig, Explorer
from pipeline.walk.geometry import MAX_CELLS, Geometry
from pipeline.walk.glimpse import Glimpse, Position
from pipeline.walk.grid import Grid
from pipeline.walk.lockstep import walk_together
from pipeline.walk.opening import open_image_walk
from pipeline.walk.score_spread import spread_scores
from pipeline.walk.walk import walk
from pipeline.walk.walk_plan import WalkPlan
from tests.image_files import halves, write_pyramid_tiff
from tests.pipeline.walk.brightness import Brightness
from tests.reference_walk import reference, walked_alike

SIDE = 32
WALK = WalkConfig(grid=4, cell_fraction=0.25, selection="best_first", budget=6)
PLAN = WalkPlan(spec=InputSpec(base_px=SIDE, bands="luminance", background=0.0), walk=WALK)
"""Windows of 32 px over 2048 px: depths 0 to 3, of 64, 16, 4 and 1 pixels."""


SEVENTHS = Grid(7, 0.25)


def geometry(grid: Grid = SEVENTHS, *, side: int = 4096, depths: int | None = None) -> Geometry:
    """Of a square image."""
    return Geometry(
        height=side, width=side, finest_height=SIDE, finest_width=SIDE, grid=grid, depths=depths
    )


def root(side: int = 4096) -> Glimpse:
    """The whole image."""
    return Glimpse(
        position=Position(0, 0, 0),
        region=Region(0, 0, side, side),
        parent=None,
        score=0.0,
        cell_log_prob=0.0,
    )


@pytest.fixture
def record(tmp_path: Path) -> ImageRecord:
    """2048 px of grey with one bright spot."""
    pixels = np.full((2048, 2048), 40, np.uint8)
    pixels[1400:1460, 700:760] = 250
    return written(pixels, tmp_path / "spot.tif")


def written(pixels: NDArray[np.uint8], path: Path) -> ImageRecord:
    """A pyramid of seven levels."""
    levels = [level[:, :, 0] for level in halves(pixels[:, :, None], 7)]
    write_pyramid_tiff(path, levels, tile=(32, 32))
    return ImageRecord(sample_id=path.stem, image_path=str(path))


class TestGeometry:
    @pytest.mark.parametrize("grid", [Grid(3, 0.5), Grid(7, 0.25), Grid(4, 0.25)])
    @pytest.mark.parametrize("steps", [1, 2, 3])
    def test_cells_further_down_are_the_cells_of_cells(self, grid: Grid, steps: int) -> None:
        """Going down by several depths at once leads where going down one by one would."""
        tree, looks = geometry(grid), [root()]
        for _ in range(steps):
            looks = [
                replace(look, position=position, region=region)
                for look in looks
                for position, region in tree.cells(look)
            ]

        found = tree.cells(root(), steps)

        assert dict(found) == {look.position: look.region for look in looks}
        assert [position for position, _ in found] == sorted(position for position, _ in found)

    @pytest.mark.parametrize(
        ("side", "depths", "at_most", "expected"),
        [
            (4096, None, 1, 1),
            (4096, None, 2, 2),
            (4096, None, 9, 4),  # 4096, 1024, 256, 64, then 32
            (256, None, 3, 2),
            (128, None, 3, 1),
            (4096, 3, 3, 2),
            (4096, 2, 3, 1),
        ],
    )
    def test_how_far_down_there_is_anything(
        self, side: int, depths: int | None, at_most: int, expected: int
    ) -> None:
        """No further than the finest pixels, the walk's depths, and what is asked for."""
        tree = geometry(Grid(2, 0.25), side=side, depths=depths)

        assert tree.num_steps(root(side), at_most) == expected

    def test_no_look_has_more_candidates_than_can_be_held(self) -> None:
        """7 x 7 cells go two depths down and not three."""
        tree = geometry(Grid(7, 0.25), side=1 << 20)

        steps = tree.num_steps(root(1 << 20), 3)

        assert steps == 2
        assert len(tree.cells(root(1 << 20), steps)) <= MAX_CELLS


class TestSpread:
    @pytest.mark.parametrize("grid", [Grid(3, 0.5), Grid(7, 0.25), Grid(5, 0.34375)])
    def test_it_is_linear_between_centres(self, grid: Grid) -> None:
        """SciPy's interpolation of the same places, held at the rim, says the same."""
        tree, n = geometry(grid), grid.num_per_side
        scores = np.random.default_rng(0).normal(size=n * n).astype(np.float32)
        cells, finer = tree.cells(root()), tree.cells(root(), 2)
        at = np.array([(cell.y + cell.height / 2, cell.x + cell.width / 2) for _, cell in finer])
        ys = [cell.y + cell.height / 2 for _, cell in cells[::n]]
        oracle = RegularGridInterpolator((ys, ys), scores.reshape(n, n))

        found = spread_scores(scores, cells, finer)

        assert found == pytest.approx(oracle(np.clip(at, ys[0], ys[-1])), abs=1e-5)

    def test_on_the_same_cells_nothing_changes(self) -> None:
        """A score between nothing and nothing is itself."""
        cells = geometry().cells(root())
        scores = np.random.default_rng(1).normal(size=49).astype(np.float32)

        assert spread_scores(scores, cells, cells) == pytest.approx(scores, abs=1e-6)


class TestWalk:
    @pytest.mark.parametrize("levels", [[0.0, 1.0, 0.5], [0.0, 0.5, 1.0]])
    def test_only_the_chosen_level_is_looked_at(
        self, record: ImageRecord, levels: list[float]
    ) -> None:
        """A walk that goes two or three depths down has no look, and reads no tile, of those in between."""
        steps = int(np.argmax(levels)) + 1
        plan = replace(PLAN, walk=replace(WALK, depths=steps + 1))
        network = Brightness(levels)
        image = open_image_walk(record, plan, combine=network.combine, cache=TileCache(1 << 24))

        walk(image, network)
        result = conclude(image, network, 0.0)
        tile_levels = {key.level for key in image.tiles.acquisitions}
        image.close()

        assert [row.glimpse.position.depth for row in result.glimpses] == [0] + [steps] * 5
        assert tile_levels == {6, 6 - 2 * steps}
        best = result.glimpses[1].glimpse.region  # the spot is in the cell about (1280, 768)
        assert best.y <= 1280 <= best.y + best.height
        assert best.x <= 768 <= best.x + best.width

    def test_a_network_without_a_choice_walks_as_ever(self, record: ImageRecord) -> None:
        """No scores, and scores that prefer the next depth, lead to the same looks."""
        assert (
            reference(record, PLAN, Brightness([])).glimpses
            == reference(record, PLAN, Brightness([2.0, 1.0, 0.0])).glimpses
        )

    def test_a_path_is_worth_what_its_steps_are(self, tmp_path: Path) -> None:
        """Of equal shares every candidate has density 1, whichever level it lies on."""
        record = written(np.full((2048, 2048), 90, np.uint8), tmp_path / "flat.tif")

        for levels in ([1.0, 0.0], [0.0, 1.0]):
            rows = reference(record, PLAN, Brightness(levels)).glimpses
            assert [row.glimpse.score for row in rows] == pytest.approx([0.0] * 6, abs=1e-5)

    def test_the_engine_walks_as_the_reference_does(self, record: ImageRecord) -> None:
        """The choice of levels depends on nothing that runs beside it."""
        walked_alike([record], PLAN, Brightness([0.0, 1.0]))


class TestTraining:
    def test_levels_are_drawn_by_their_scores(self) -> None:
        """Gumbel noise makes of scores a draw by softmax (UAN, equation 2): 3 to 1, within four standard errors."""
        explorer = Explorer(ExplorationConfig(), seed=[4], base_px=SIDE)
        scores = np.log(np.array([0.75, 0.25], np.float32))
        drawn = [
            explorer.perturbed_levels(Position(0, 0, index), scores).argmax()
            for index in range(4000)
        ]

        assert np.mean(drawn) == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)

    def test_looks_remember_the_noise_that_chose(self, record: ImageRecord) -> None:
        """The depth of a look's next looks is that of the best score with its noise; without cells there is none."""
        network = Brightness([0.0, 0.0, 0.0])
        seen = set()
        for seed in range(6):
            explorer = Explorer(ExplorationConfig(), seed=[seed], base_px=SIDE)
            image = open_image_walk(
                record, PLAN, combine=network.combine, cache=TileCache(1 << 24), explore=explorer
            )
            [episode] = walk_together([TrainingWalk(walk=image, explorer=explorer)], network)
            assert isinstance(episode, Episode)
            for look in episode.looks[1:]:
                parent = episode.looks[look.parent]
                steps = look.position.depth - parent.position.depth
                assert steps == 1 + int(parent.level_noise.argmax())
                inner = parent.glimpse.region
                assert inner.y <= look.glimpse.region.y
                row, col = divmod(look.cell, 4)
                side = inner.height // 4
                assert (look.glimpse.region.y - inner.y) // side == row
                assert (look.glimpse.region.x - inner.x) // side == col
                seen.add(steps)
            finest = [look for look in episode.looks if look.position.depth == 3]
            assert all(len(look.level_noise) == 0 for look in finest)
        assert seen == {1, 2, 3}
