"""Roots chosen from an overview: the walk begins where the scan points, reads what it must, and says what it read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pipeline.errors import ConfigError, TileReadError
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.images.window import Window, WindowReader
from pipeline.records.result import ImageResult, Prediction, conclude
from pipeline.walk.config import WalkConfig
from pipeline.walk.exploration import ExplorationConfig, Explorer
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.opening import open_image_walk
from pipeline.walk.root_scan import scan_roots, unscored
from pipeline.walk.walk_plan import WalkPlan
from tests.image_files import halves, write_pyramid_tiff

SIDE = 32
ROOT = 4 * SIDE
ROWS, COLS = 3, 4
WALK = WalkConfig(
    grid=2,
    cell_fraction=0.5,
    roots="scan",
    root_downsample=4,
    overview_px=4,
    selection="best_first",
    score="cell",
    budget=3,
)
PLAN = WalkPlan(spec=InputSpec(base_px=SIDE, bands="luminance", background=0.0), walk=WALK)
BRIGHT = [(2, 1), (0, 3), (1, 0)]
"""Roots with light in them, the brightest first."""


@pytest.fixture
def record(tmp_path: Path) -> ImageRecord:
    """Black, but for three spots in three roots; the last row and column of roots are cut off by the image's edge."""
    pixels = np.zeros((ROWS * ROOT - 40, COLS * ROOT - 20, 1), np.uint8)
    for value, (row, col) in zip((250, 160, 80), BRIGHT, strict=True):
        pixels[row * ROOT + 30 : row * ROOT + 70, col * ROOT + 30 : col * ROOT + 70] = value
    levels = [level[:, :, 0] for level in halves(pixels, 5)]
    path = write_pyramid_tiff(tmp_path / "spots.tif", levels, tile=(32, 32))
    return ImageRecord(sample_id="spots", image_path=str(path))


def brightness(overviews: NDArray[np.float32]) -> NDArray[np.float32]:
    """The brighter the more promising."""
    means: NDArray[np.float32] = overviews.mean(axis=(2, 3, 4)) - 1
    return means


def opened(record: ImageRecord, plan: WalkPlan = PLAN, **options: object) -> ImageWalk:
    """The walk at its beginning."""
    combine = lambda kept: np.full((len(kept), 2), 0.5)  # noqa: E731  # one line, one use
    return open_image_walk(
        record, plan, combine=combine, cache=TileCache(1 << 24),
        **{"score_roots": brightness, **options},  # type: ignore[arg-type]  # options by name
    )  # fmt: skip


def walked(image: ImageWalk) -> list[Glimpse]:
    """Its looks; nothing inside a root is worth one."""
    while not image.traversal.is_finished:
        for glimpse in image.traversal.propose(100):
            image.read(glimpse)
            cells = np.full(4, -1e3, np.float32)
            image.traversal.observe(glimpse, Observation(np.zeros(2, np.float32), cells))
    return [look.glimpse for look in image.traversal.looks]


class Undecided:
    """A model that has no opinion."""

    batch_size = 1
    num_lanes = 1
    score_roots = staticmethod(brightness)

    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        raise AssertionError(f"nobody asks about {len(windows)} windows at {positions}")

    def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.full((len(kept), 2), 0.5)

    alone = combine


def concluded(image: ImageWalk) -> ImageResult:
    """What is written about a finished walk."""
    return conclude(image, Undecided(), 0.0)


class TestScan:
    def test_the_walk_begins_where_it_points(self, record: ImageRecord) -> None:
        """The roots of a walk of three looks are the three brightest, in that order, with their scores."""
        image = opened(record)
        looks = walked(image)

        assert [(look.position.y, look.position.x) for look in looks] == BRIGHT
        assert image.scan is not None
        values = brightness(image.scan.overviews)
        assert [look.score for look in looks] == [float(values[at]) for at in BRIGHT]

    def test_overviews_are_area_means(self, record: ImageRecord) -> None:
        """The overview of a root inside the image is the mean of 2 x 2 pixels of the level at 1/16, by tifffile."""
        image = opened(record)
        assert image.scan is not None
        scan = image.scan

        assert scan.overviews.shape == (ROWS, COLS, 1, 4, 4)
        stored = (
            tifffile.imread(record.image_path, series=0, level=4)[8:16, 0:8] / 255
        )  # root (1, 0)
        means = stored.reshape(4, 2, 4, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(scan.overviews[1, 0, 0], means, atol=0.5 / 255)
        assert [scan.index_of(root) for root in scan.roots] == list(range(ROWS * COLS))

    def test_only_what_is_masked_in_is_read(self, record: ImageRecord, tmp_path: Path) -> None:
        """Roots outside the mask are never chosen, and their overviews stay background."""
        cv2 = pytest.importorskip("cv2")
        mask = np.zeros((ROWS, COLS), np.uint8)
        mask[0, 3] = 255
        cv2.imwrite(str(tmp_path / "mask.png"), mask)
        image = opened(replace(record, mask_path=str(tmp_path / "mask.png")))
        looks = walked(image)
        assert image.scan is not None

        chosen = {(look.position.y, look.position.x) for look in looks}
        assert (0, 3) in chosen
        assert (2, 1) not in chosen
        assert not image.scan.overviews[2, 1].any()

    def test_a_broken_overview_shows_background(self) -> None:
        """A root that cannot be read is scored like an empty one, and the others as they are."""

        class HalfBroken(WindowReader):
            def read(self, region: Region) -> Window:
                if region.x:
                    raise TileReadError("x.tif: tile (0, 0, 1): gone")
                return Window(
                    pixels=np.ones((1, 4, 4), np.float32), plan=None, failed_tiles=()  # type: ignore[arg-type]  # nobody asks for its plan
                )  # fmt: skip

        windows = HalfBroken.__new__(HalfBroken)
        for name, value in {"fit": _OneBand(), "base_px": 4, "background": 0.25}.items():
            object.__setattr__(windows, name, value)
        roots = [root_at(0, 0), root_at(0, 1)]
        found = scan_roots(roots, (1, 2), windows, brightness)

        assert found.overviews[0, 0].min() == 1
        assert (found.overviews[0, 1] == 0.25).all()
        assert [root.score for root in found.roots] == pytest.approx([0, -0.75])

    @pytest.mark.parametrize("proposals", ["random", "centre"])
    def test_comparators_choose_roots_without_reading(
        self, record: ImageRecord, proposals: Literal["random", "centre"]
    ) -> None:
        """Chance takes other roots than the scan, the centre the nearest ones, and neither reads an overview."""
        walk = replace(WALK, proposals=proposals, depths=1, budget=4)
        image = opened(record, replace(PLAN, walk=walk), score_roots=unscored)
        looks = [look for look in walked(image) if look.parent is None]
        found = [(look.position.y, look.position.x) for look in looks]

        assert not image.opening_tiles
        assert found[:3] != BRIGHT
        if proposals == "centre":
            assert found[:2] == [(1, 1), (1, 2)]

    def test_exploring_moves_no_root(self, record: ImageRecord) -> None:
        """In training chance chooses roots, too, and leaves them where they are."""
        config = ExplorationConfig(random_roots=12, jitter_px=(8,))
        explorer = Explorer(config, seed=(1,), base_px=SIDE)
        looks = walked(opened(record, explore=explorer))

        assert len(explorer.forced) == ROWS * COLS
        assert all(
            look.region.y % ROOT == 0 for look in looks if look.position.y < ROWS - 1
        )  # the last row is moved inside


class TestAccount:
    def test_looks_so_far_include_the_scan(self, record: ImageRecord) -> None:
        """What is counted after the last look is all that was read: the scan has its share from the first look on."""
        image = opened(record)
        scanned = len(image.opening_tiles)
        walked(image)
        result = concluded(image)

        assert isinstance(result.outcome, Prediction)
        costs = [row.cost_so_far for row in result.glimpses]
        assert scanned > 0
        assert costs[0].tiles >= scanned
        assert costs[-1].tiles == len(image.tiles.acquisitions)
        assert costs[-1].transferred_bytes == result.outcome.bytes_read

    def test_so_do_looks_after_foreground_was_found(self, record: ImageRecord) -> None:
        """The same rule where a coarse level was read to find valid data."""
        walk = replace(WALK, roots="grid", foreground="valid")
        image = opened(record, replace(PLAN, walk=walk))
        walked(image)
        result = concluded(image)

        assert isinstance(result.outcome, Prediction)
        assert result.glimpses[-1].cost_so_far.transferred_bytes == result.outcome.bytes_read


class TestConfig:
    def test_roots_are_chosen_best_first(self) -> None:
        """Rules that choose per region or depth have nothing to say of roots; the message says which one has."""
        with pytest.raises(ConfigError, match="best_first"):
            replace(WALK, selection="top_k")

    def test_a_full_scan_needs_no_scorer(self, record: ImageRecord) -> None:
        """`--full-scan` of such a model takes all finest windows as always."""
        walk = replace(WALK, selection="full_scan", budget=None)
        looks = walked(opened(record, replace(PLAN, walk=walk), score_roots=unscored))

        assert len(looks) == -(-(ROWS * ROOT - 40) // SIDE) * -(-(COLS * ROOT - 20) // SIDE)


class _OneBand:
    num_bands = 1


def root_at(row: int, col: int) -> Glimpse:
    """A root of the grid."""
    return Glimpse(
        position=Position(0, row, col),
        region=Region(row * ROOT, col * ROOT, ROOT, ROOT),
        parent=None,
        score=0.0,
        cell_log_prob=0.0,
    )
