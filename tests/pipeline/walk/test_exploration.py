"""Exploration changes candidates by its own law and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import pytest
from scipy.stats import chisquare

from pipeline.errors import ConfigError
from pipeline.images.region import Region
from pipeline.walk.candidate_rule import CandidateRule
from pipeline.walk.candidates import Candidates
from pipeline.walk.cells import Cells
from pipeline.walk.config import WalkConfig
from pipeline.walk.exploration import FORCED, ExplorationConfig, Explorer
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.overlap import ChosenRegions
from pipeline.walk.selection import TopKPerDepth, selection_for

IMAGE_PX = (960, 960)
ROOT = Glimpse(
    position=Position(0, 0, 0),
    region=Region(0, 0, 960, 960),
    parent=None,
    score=0.0,
    cell_log_prob=0.0,
)


def cells_of(log_probs: list[float], *, depth: int = 1) -> Candidates:
    """Cells side by side with these log-probabilities."""
    return Candidates.of(
        [
            Glimpse(
                position=Position(depth, 0, index),
                region=Region(200 * depth, 100 + 96 * index, 96, 96),
                parent=ROOT.position,
                score=value,
                cell_log_prob=value,
            )
            for index, value in enumerate(log_probs)
        ]
    )


def two_cells(depth: int) -> Cells:
    """Side by side, at a depth."""
    return Cells(
        first=Position(depth, 0, 0),
        ys=np.array([0]),
        xs=np.array([0, 96]),
        height=96,
        width=96,
    )


class TestGumbel:
    def test_the_best_of_noisy_scores_is_a_draw_from_the_softmax(self) -> None:
        """With scale 1 the first cell is chosen as often as its probability says (Gumbel-max)."""
        p = np.array([0.5, 0.3, 0.15, 0.05])
        config = ExplorationConfig(gumbel_scale=1.0)
        first: Counter[int] = Counter()
        for seed in range(4000):
            explored = Explorer(config, seed=[seed], base_px=96)(
                ROOT, cells_of(np.log(p).tolist()), IMAGE_PX
            )
            first[max(explored, key=lambda cell: cell.score).position.x] += 1

        assert chisquare([first[index] for index in range(4)], p * 4000).pvalue > 1e-3

    def test_without_any_option_nothing_changes(self) -> None:
        """The paper's training explores by nothing but its own top-k."""
        cells = cells_of([-1.0, -2.0])

        explored = Explorer(ExplorationConfig(), seed=[0], base_px=96)(ROOT, cells, IMAGE_PX)

        assert list(explored) == list(cells)


class TestForcedCells:
    def test_as_many_as_asked_for_come_first(self) -> None:
        """With 0.5 of 10 cells on average, one in twenty is forced, is noted, and beats every score."""
        config = ExplorationConfig(random_cells=(0.5,))
        num_forced = 0
        for seed in range(2000):
            explorer = Explorer(config, seed=[seed], base_px=96)
            explored = explorer(ROOT, cells_of([-1.0] * 10), IMAGE_PX)
            forced = {cell.position for cell in explored if cell.score > FORCED / 2}
            assert forced == explorer.forced
            num_forced += len(forced)

        assert num_forced == pytest.approx(1000, rel=0.1)

    def test_the_rate_belongs_to_the_depth(self) -> None:
        """The second number holds for looks of depth 1, and for all deeper ones."""
        config = ExplorationConfig(random_cells=(0.0, 4.0))
        explorer = Explorer(config, seed=[0], base_px=96)
        explorer(ROOT, cells_of([-1.0] * 4), IMAGE_PX)
        assert not explorer.forced

        child = cells_of([-1.0])[0]
        explorer(child, cells_of([-1.0] * 4, depth=2), IMAGE_PX)
        assert len(explorer.forced) == 4

    @pytest.mark.parametrize("score", ["path", "cell"])
    def test_what_lies_below_competes_by_itself(self, score: Literal["path", "cell"]) -> None:
        """Cells of a look that chance chose are scored as those of the same look chosen by the network."""
        explorer = Explorer(ExplorationConfig(random_cells=(2.0, 0.0)), seed=[0], base_px=96)
        rule = CandidateRule(score=score, explore=explorer)
        log_probs = np.log([0.6, 0.4], dtype=np.float32)
        seen = Observation(np.zeros(1, np.float32), log_probs)
        forced = rule.of(ROOT, two_cells(1), seen)[1]
        chosen = CandidateRule(score=score).of(ROOT, two_cells(1), seen)[1]

        found = rule.of(forced, two_cells(2), seen)
        expected = CandidateRule(score=score).of(chosen, two_cells(2), seen)

        assert forced.score > FORCED / 2
        np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-9)

    def test_a_forced_cell_of_a_forced_look_comes_first_once(self) -> None:
        """Chance twice along a path weighs as much as once: cells forced anywhere are equals."""
        explorer = Explorer(ExplorationConfig(random_cells=(2.0,)), seed=[0], base_px=96)
        rule = CandidateRule(explore=explorer)
        seen = Observation(np.zeros(1, np.float32), np.log([0.6, 0.4], dtype=np.float32))

        deeper = rule.of(rule.of(ROOT, two_cells(1), seen)[0], two_cells(2), seen)

        np.testing.assert_allclose(deeper.scores, FORCED, rtol=0, atol=10)


class TestJitter:
    def test_windows_move_by_at_most_what_is_allowed_and_stay_inside(self) -> None:
        """4 window pixels of a 192 px region at base 96 are 8 level-0 pixels; the image's border holds."""
        config = ExplorationConfig(jitter_px=(4.0,))
        cells = [
            Glimpse(
                position=Position(1, 0, index),
                region=Region(y, 300, 192, 192),
                parent=ROOT.position,
                score=0.0,
                cell_log_prob=0.0,
            )
            for index, y in enumerate([0, 400, 768])
        ]
        shifts = set()
        for seed in range(300):
            explored = Explorer(config, seed=[seed], base_px=96)(
                ROOT, Candidates.of(cells), IMAGE_PX
            )
            for cell, before in zip(explored, cells, strict=True):
                region = cell.region
                assert abs(region.y - before.region.y) <= 8
                assert abs(region.x - before.region.x) <= 8
                assert region.y >= 0
                assert region.bottom <= 960
            shifts.add(explored[1].region.y - 400)

        assert shifts == set(range(-8, 9))

    def test_the_same_seed_gives_the_same_walk(self) -> None:
        """Noise, chance and shifts come from the seed alone."""
        config = ExplorationConfig(gumbel_scale=0.3, random_cells=(1.0,), jitter_px=(5.0,))
        one, two, other = (
            list(Explorer(config, seed=[7, seed], base_px=96)(ROOT, cells_of([-1.0] * 9), IMAGE_PX))
            for seed in (0, 0, 1)
        )

        assert one == two
        assert one != other


class TestBadOptions:
    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ({"gumbel_scale": -1.0}, "gumbel_scale is -1.0"),
            ({"random_cells": ()}, "random_cells"),
            ({"jitter_px": (-3.0,)}, "jitter_px"),
            ({"object_px": 0.0}, "object_px"),
        ],
    )
    def test_each_is_named(self, option: dict[str, float], message: str) -> None:
        """A number out of range is refused by the name of its key."""
        with pytest.raises(ConfigError, match=message):
            ExplorationConfig(**option)


class TestProposals:
    @staticmethod
    def order(rule: CandidateRule) -> list[int]:
        """Cells of a 3 x 3 grid, best first."""
        places = np.array([0, 320, 640])
        cells = Cells(first=Position(1, 0, 0), ys=places, xs=places, height=320, width=320)
        seen = Observation(np.zeros(1, np.float32), np.zeros(9, np.float32))
        candidates = rule.of(ROOT, cells, seen)
        ranked = sorted(candidates, key=lambda cell: -cell.score)
        return [cell.position.y * 3 + cell.position.x for cell in ranked]

    def test_the_centre_comes_first(self) -> None:
        """The middle cell is nearest, the corners are farthest."""
        found = self.order(CandidateRule(proposals="centre", image_px=IMAGE_PX))

        assert found[0] == 4
        assert set(found[5:]) == {0, 2, 6, 8}

    def test_chance_is_the_images_own(self) -> None:
        """The same image has the same order in every run, another image another; all orders occur."""
        one, again, other = (
            self.order(CandidateRule(proposals="random", name=name)) for name in ("a", "a", "b")
        )
        firsts = Counter(
            self.order(CandidateRule(proposals="random", name=str(index)))[0]
            for index in range(900)
        )

        assert one == again
        assert one != other
        assert chisquare([firsts[cell] for cell in range(9)]).pvalue > 1e-3


class TestTopKPerDepth:
    def test_the_best_of_all_regions_whatever_their_parents(self) -> None:
        """Two looks at depth 1, then three at depth 2, best scores first."""
        rule, chosen = TopKPerDepth((2, 3)), ChosenRegions(None)
        rule.add(cells_of([-3.0, -1.0, -2.0]))

        first = rule.next_wave(None, chosen)
        rule.add(cells_of([-9.0, -4.0], depth=2))
        rule.add(
            Candidates.of(
                [
                    Glimpse(
                        position=Position(2, 1, index),
                        region=Region(700, 96 * index, 96, 96),
                        parent=Position(1, 0, 2),
                        score=score,
                        cell_log_prob=score,
                    )
                    for index, score in enumerate([-5.0, -1.0])
                ]
            )
        )
        second = rule.next_wave(None, chosen)

        assert [look.score for look in first] == [-1.0, -2.0]
        assert [look.score for look in second] == [-1.0, -4.0, -5.0]
        assert rule.next_wave(None, chosen) == []

    def test_a_look_given_back_lets_the_next_best_in(self) -> None:
        """An unreadable look's place goes to another cell of its depth."""
        rule, chosen = TopKPerDepth((1,)), ChosenRegions(None)
        rule.add(cells_of([-1.0, -2.0]))
        [best] = rule.next_wave(None, chosen)

        rule.give_back(best)

        assert [look.score for look in rule.next_wave(None, chosen)] == [-2.0]

    def test_the_config_names_it(self) -> None:
        """`top_k_per_depth` with its numbers is the rule."""
        config = WalkConfig(
            grid=7, cell_fraction=0.25, selection="top_k_per_depth", looks_per_depth=(14, 12)
        )

        assert isinstance(selection_for(config), TopKPerDepth)


class TestOverlapPerDepth:
    def test_each_depth_has_a_limit_of_its_own(self) -> None:
        """Half an overlap is allowed at depth 1 and not at depth 2, nor deeper."""
        for depth, expected in ((1, True), (2, False), (3, False)):
            chosen = ChosenRegions((0.5, 0.2))
            chosen.add(Region(0, 0, 96, 96), depth)

            assert chosen.allows(Region(0, 48, 96, 96), depth) is expected
