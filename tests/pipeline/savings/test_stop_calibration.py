"""A stop rule keeps its promise on images that it was not found on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import ConfigError, UsageError
from pipeline.savings.stop_calibration import (
    TARGETS,
    KnownWalk,
    calibrate,
    first_stop,
    stop_line,
)
from pipeline.walk.config import WalkConfig
from pipeline.walk.stop_rule import NEVER, StopRule


def walks(count: int, seed: int, *, num_looks: int = 12) -> list[KnownWalk]:
    """Walks that are overconfident early: the chance to be right grows with the looks, confidence says less."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        ease = rng.uniform(0.2, 1.4)
        truth = np.clip(0.3 + 0.7 * ease * np.arange(1, num_looks + 1) / num_looks, 0, 0.995)
        confidences = np.clip(truth + 0.25 * (1 - truth) + rng.normal(0, 0.02, num_looks), 0, 1)
        made.append(
            KnownWalk(
                confidences=confidences,
                is_right=rng.uniform(0, 1) < np.maximum.accumulate(truth),
                may_stop=np.ones(num_looks, np.bool_),
            )
        )
    return made


class TestCalibration:
    @pytest.mark.parametrize("target", [0.8, 0.9])
    def test_promises_are_kept_on_other_images(self, target: float) -> None:
        """Over many calibrations, stopped images are right as often as promised in nine of ten or more."""
        others = walks(4000, 999)
        kept = []
        for seed in range(12):
            line = stop_line(others, calibrate(walks(400, seed), seed=seed), target)
            kept.append(line.num_stopped == 0 or line.num_right / line.num_stopped >= target)

        assert np.mean(kept) >= 0.9

    def test_it_saves_looks(self) -> None:
        """With enough images it does stop early, sooner where less is asked for."""
        rule = calibrate(walks(2000, 1))
        lines = [stop_line(walks(2000, 2), rule, target) for target in TARGETS[:3]]

        assert lines[0].num_stopped > 500
        assert [line.mean_looks for line in lines] == sorted(line.mean_looks for line in lines)
        assert lines[0].mean_looks < 11

    def test_few_images_promise_little(self) -> None:
        """Sixty images cannot show 99 %: the rule never stops for it."""
        rule = calibrate(walks(60, 0))

        assert all(confidence == NEVER for confidence in rule.confidences[-1])
        with pytest.raises(UsageError, match="at least 50"):
            calibrate(walks(49, 0))

    def test_wrong_walks_never_stop(self) -> None:
        """Where confidence says nothing of the truth, nobody stops."""
        made = [replace(walk, is_right=np.zeros(12, np.bool_)) for walk in walks(500, 0)]
        rule = calibrate(made)

        assert all(first_stop(walk, rule, 0.8) is None for walk in made)


class TestStopRule:
    RULE = StopRule(
        targets=(0.8, 0.95), looks=(1, 4), confidences=((0.9, 0.7), (NEVER, 0.85)), num_images=100
    )

    @pytest.mark.parametrize(
        ("target", "looks", "wanted"),
        [
            (0.8, 1, 0.9),
            (0.7, 1, 0.9),
            (0.8, 2, 0.7),
            (0.9, 4, 0.85),
            (0.95, 9, 0.85),
            (0.95, 1, NEVER),
        ],
    )
    def test_what_a_prediction_must_have(self, target: float, looks: int, wanted: float) -> None:
        """The next target that was calibrated, and the group that the number of looks is in."""
        assert self.RULE.confidence_at(target, looks) == wanted

    def test_more_than_was_calibrated_is_refused(self) -> None:
        """In a walk's config too, before anything is read."""
        with pytest.raises(ConfigError, match=r"calibrated up to 0\.95"):
            WalkConfig(grid=3, cell_fraction=0.5, stop_at=0.99, stop_rule=self.RULE)
        with pytest.raises(ConfigError, match="run foveate calibrate again"):
            replace(self.RULE, looks=(1,))
