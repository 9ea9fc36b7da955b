"""UAN learns both of its tasks, and a broken run goes on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actors.rooms.experiment import RoomEpoch, RoomExperiment
from actors.rooms.task import PoseTask, RoomTask
from pipeline.benchmarks.rooms import RoomLaw, make_views
from pipeline.errors import ResumeError


def small(out: Path, **changes: object) -> RoomExperiment:
    """Few small views, two layers."""
    out.mkdir(exist_ok=True)
    experiment = RoomExperiment(
        law=RoomLaw(image_px=32, num_rooms=3),
        task=RoomTask(num_rooms=3),
        num_train=96,
        num_test=48,
        epochs=2,
        layers=("3b", "4c"),
        num_steps=2,
        out=out,
    )
    return replace(experiment, **changes)  # type: ignore[arg-type]  # fields by name


class TestExperiment:
    @pytest.mark.slow
    def test_it_tells_rooms_apart(self, tmp_path: Path) -> None:
        """After a few epochs views it never saw are told apart far better than by a guess."""
        result = small(tmp_path / "run", num_train=192, epochs=5).run(lambda _: None)

        assert result.accuracy is not None
        assert result.guess_accuracy is not None
        assert result.accuracy > result.guess_accuracy + 0.3
        np.testing.assert_allclose(np.sum(result.frequencies, axis=1), 1)

    def test_a_broken_run_goes_on_as_if_it_was_not(self, tmp_path: Path) -> None:
        """Ended after its first epoch and started again, a run has the losses and the result of one in peace."""
        told: list[RoomEpoch] = []
        peace = small(tmp_path / "peace").run(told.append)
        with pytest.raises(KeyboardInterrupt):
            small(tmp_path / "broken").run(_interrupt_after_one)
        again: list[RoomEpoch] = []
        resumed = small(tmp_path / "broken").run(again.append)

        assert [one.loss for one in again] == [told[1].loss]
        assert resumed == peace

    def test_it_goes_on_with_nothing_else(self, tmp_path: Path) -> None:
        """Another seed, task or length in the same directory is refused by name."""
        with pytest.raises(KeyboardInterrupt):
            small(tmp_path / "begun").run(_interrupt_after_one)
        for change, named in (
            ({"seed": 1}, "seed: 0 then, 1 now"),
            ({"epochs": 3}, "epochs: 2 then, 3 now"),
            ({"task": PoseTask(beta=2.0)}, "task.kind: 'RoomTask' then, 'PoseTask' now"),
        ):
            with pytest.raises(ResumeError, match=re.escape(named)):
                small(tmp_path / "begun", **change).run(lambda _: None)


class TestPoseTask:
    def test_errors_by_hand(self) -> None:
        """Medians of the distance and of the angle; the guess is the training views' mean pose."""
        views = make_views(RoomLaw(image_px=8), 5, seed=0)
        known = make_views(RoomLaw(image_px=8), 50, seed=0, of=1)
        shift = np.arange(5)[:, None] * np.array([0.3, 0.0, 0.4])
        outputs = torch.from_numpy(
            np.concatenate([views.positions_m + shift, views.rotations], 1)
        ).float()

        result = PoseTask(beta=1.0).result(outputs, views, known)

        assert result.position_m == pytest.approx(1.0, abs=1e-5)  # 0.5 m times 0, 1, 2, 3, 4
        assert result.rotation_deg == pytest.approx(0.0, abs=0.1)
        away = np.linalg.norm(views.positions_m - known.positions_m.mean(axis=0), axis=1)
        assert result.guess_position_m == pytest.approx(float(np.median(away)), rel=1e-5)


def _interrupt_after_one(epoch: RoomEpoch) -> None:
    if epoch.epoch == 1:
        raise KeyboardInterrupt
