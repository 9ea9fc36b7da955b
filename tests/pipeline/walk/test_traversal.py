"""Rules of the traversal, on paper: no pixels, no network."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.images.region import Region
from pipeline.walk.candidate_rule import CandidateRule
from pipeline.walk.config import WalkConfig
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse, Observation
from pipeline.walk.grid import Grid
from pipeline.walk.roots import plan_roots
from pipeline.walk.traversal import MAX_FAILED_LOOKS, Traversal
from tests.pipeline.walk.grid_cells import grid_cells

SIDE, BASE = 4096, 64


def softmax_of_means(kept: NDArray[np.float32]) -> NDArray[np.float64]:
    """(L, K) logits to (L, K) probabilities of the running mean."""
    means = np.cumsum(kept.astype(np.float64), axis=0) / np.arange(1, len(kept) + 1)[:, None]
    powers = np.exp(means - means.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def traversal(config: WalkConfig, *, side: int = SIDE) -> Traversal:
    """A walk of a square image."""
    geometry = Geometry(
        height=side,
        width=side,
        finest_height=BASE,
        finest_width=BASE,
        grid=Grid(config.grid, config.cell_fraction),
        depths=config.depths,
    )
    return Traversal(
        config,
        geometry,
        plan_roots(config, geometry, None, "test"),
        softmax_of_means,
        candidates=CandidateRule(),
    )


def answer(glimpse: Glimpse, cells: int) -> Observation:
    """A made-up network: scores and logits are random, but a function of the region alone."""
    rng = np.random.default_rng([abs(part) for part in (*glimpse.position, glimpse.region.y)])
    logits = rng.normal(size=cells)
    log_probs = logits - np.log(np.exp(logits).sum())
    return Observation(rng.normal(size=3).astype(np.float32), log_probs.astype(np.float32))


def run(walk: Traversal, cells: int, order: random.Random | None = None) -> list[Glimpse]:
    """Walk to the end; looks come back in a shuffled order where one is given."""
    taken = []
    while not walk.is_finished:
        wave = walk.propose(1000)
        taken += wave
        if order is not None:
            order.shuffle(wave)
        for glimpse in wave:
            walk.observe(glimpse, answer(glimpse, cells))
    return [look.glimpse for look in walk.looks]


PAPER = WalkConfig(grid=3, cell_fraction=0.5, depths=3, looks_per_region=(2, 1))
FRONTIER = WalkConfig(grid=3, cell_fraction=0.5, selection="best_first", budget=25, max_overlap=0.6)


class TestTraversal:
    def test_paper_walk_takes_one_two_two(self) -> None:
        """K = (2, 1) looks at the image, two cells, and one cell in each: 5 looks, 4 locations."""
        looks = run(traversal(PAPER), 9)

        assert [glimpse.position.depth for glimpse in looks] == [0, 1, 1, 2, 2]

    def test_children_lie_in_their_parents(self) -> None:
        """Every look is a cell of the look that it names as its parent."""
        looks = {glimpse.position: glimpse for glimpse in run(traversal(FRONTIER), 9)}

        for glimpse in looks.values():
            if glimpse.parent is not None:
                assert glimpse.region in grid_cells(Grid(3, 0.5), looks[glimpse.parent].region)

    @pytest.mark.parametrize("config", [PAPER, FRONTIER])
    @pytest.mark.parametrize("seed", range(5))
    def test_order_of_arrival_changes_nothing(self, config: WalkConfig, seed: int) -> None:
        """Looks that come back in another order lead to the same walk."""
        expected = run(traversal(config), 9)

        assert run(traversal(config), 9, random.Random(seed)) == expected

    @pytest.mark.parametrize("budget", [1, 2, 3, 7, 24])
    def test_smaller_budgets_take_the_first_looks_of_larger_ones(self, budget: int) -> None:
        """Walks nest: n looks are the first n of a longer walk."""
        smaller = WalkConfig(
            grid=3, cell_fraction=0.5, selection="best_first", budget=budget, max_overlap=0.6
        )

        assert run(traversal(smaller), 9) == run(traversal(FRONTIER), 9)[:budget]

    def test_walk_reaches_the_finest_pixels(self) -> None:
        """Without a depth limit the walk goes down until a look shows native pixels."""
        looks = run(traversal(FRONTIER), 9)

        assert min(glimpse.region.height for glimpse in looks) == BASE

    def test_no_look_is_finer_than_the_finest(self) -> None:
        """Cells that would be finer than native pixels grow to the finest look, inside the image."""
        config = WalkConfig(grid=5, cell_fraction=0.3, looks_per_region=(2,))
        looks = run(traversal(config, side=1000), 25)

        assert all(glimpse.region.height >= BASE for glimpse in looks)
        assert min(glimpse.region.height for glimpse in looks) == BASE

    def test_no_window_is_looked_at_twice(self) -> None:
        """However deep the tree, all regions of a walk are different."""
        config = WalkConfig(grid=3, cell_fraction=0.5, looks_per_region=(9,), budget=2000)
        looks = run(traversal(config, side=1024), 9)

        assert len({glimpse.region for glimpse in looks}) == len(looks)

    def test_full_scan_covers_every_pixel(self) -> None:
        """The windows of a full scan, painted on a canvas, leave no pixel out and none of them sticks out."""
        config = WalkConfig(grid=3, cell_fraction=0.5, selection="full_scan")
        canvas = np.zeros((500, 500), np.int64)
        for glimpse in run(traversal(config, side=500), 9):
            box = glimpse.region
            assert box.clipped(500, 500) == box
            canvas[box.y : box.bottom, box.x : box.right] += 1

        assert canvas.min() == 1

    def test_failed_look_is_replaced(self) -> None:
        """Where a cell cannot be read, the region's next best takes its place and the failure is kept."""
        walk = traversal(WalkConfig(grid=3, cell_fraction=0.5, depths=2, looks_per_region=(3,)))
        [root] = walk.propose(10)
        walk.observe(root, answer(root, 9))
        broken, *others = walk.propose(10)
        walk.fail(broken, "broken tile")
        for glimpse in others:
            walk.observe(glimpse, answer(glimpse, 9))
        [replacement] = walk.propose(10)
        walk.observe(replacement, answer(replacement, 9))
        walk.propose(10)

        assert walk.stop_reason == "complete"
        assert len(walk.looks) == 4
        assert [look.glimpse for look in walk.failed_looks] == [broken]
        assert replacement.cell_log_prob < min(glimpse.cell_log_prob for glimpse in others)

    def test_a_dead_storage_ends_the_walk(self) -> None:
        """A walk gives up after a number of unreadable looks; each may have cost a timeout."""
        walk = traversal(FRONTIER)
        [root] = walk.propose(10)
        walk.observe(root, answer(root, 9))
        for _ in range(MAX_FAILED_LOOKS):
            [glimpse] = walk.propose(10)
            walk.fail(glimpse, "no answer")
        walk.propose(10)

        assert walk.stop_reason == "failed_reads"

    def test_stops_when_confident(self) -> None:
        """The walk ends with the look after which the confidence reaches `stop_at`."""
        config = WalkConfig(
            grid=3, cell_fraction=0.5, selection="best_first", budget=25, stop_at=0.4
        )
        walk = traversal(config)
        run(walk, 9)
        confidences = softmax_of_means(np.stack([look.kept for look in walk.looks])).max(axis=1)

        assert walk.stop_reason == "confident"
        assert confidences[-1] >= 0.4
        assert all(confidence < 0.4 for confidence in confidences[:-1])

    def test_score_is_the_path_s_log_density(self) -> None:
        """A look's score is its parent's plus log(p G): 0 on average paths, above it on promising ones."""
        walk = traversal(FRONTIER)
        run(walk, 9)
        by_position = {look.glimpse.position: look.glimpse for look in walk.looks}

        for glimpse in by_position.values():
            if glimpse.parent is not None:
                gain = glimpse.cell_log_prob + np.log(9)
                assert glimpse.score == pytest.approx(by_position[glimpse.parent].score + gain)

    def test_root_grid_covers_the_image(self) -> None:
        """A grid of roots covers every pixel with regions of `root_downsample` times the finest look."""
        config = WalkConfig(grid=3, cell_fraction=0.5, roots="grid", root_downsample=8, budget=64)
        walk = traversal(config)
        roots = walk.propose(100)

        assert len(roots) == (SIDE // (8 * BASE)) ** 2
        assert sum(root.region.area for root in roots) == SIDE**2
        assert {root.region for root in roots} == {
            Region(y, x, 512, 512) for y in range(0, SIDE, 512) for x in range(0, SIDE, 512)
        }
