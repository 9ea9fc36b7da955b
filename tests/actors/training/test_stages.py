"""Stages follow each other, end early, and begin where another model ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from actors.model_directory import open_model
from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import Training, train
from tests.actors.training.archive import curve, job_of, small_config

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:tensorboard", "ignore::UserWarning:torch"
)


class TestStages:
    def test_deeper_after_shallow(self, manifest: Path, tmp_path: Path) -> None:
        """The paper's schedule: two depths, then finetuned at three with a rate and an optimiser of its own."""
        stages = [
            {"epochs": 1, "walk": {"depths": 1, "budget": 1}},
            {"epochs": 1, "walk": {"depths": 2, "budget": 3}, "learning_rate": 0.0005},
        ]
        job = job_of(tmp_path, small_config(manifest, stages=stages), tmp_path / "out")
        train(job, Team(), report=lambda _: None)
        figures = curve(job.out)

        assert [one.looks for one in figures] == [1, 3]
        assert [one.learning_rate for one in figures] == [0.002, 0.0005]
        assert open_model(str(job.out / "model")).config.walk.depths == 2

    def test_stages_without_a_rate_share_one_schedule(self, manifest: Path, tmp_path: Path) -> None:
        """The rate falls once over all stages, not once in each."""
        stages = [{"epochs": 2}, {"epochs": 3}, {"epochs": 4, "learning_rate": 0.1}, {"epochs": 1}]
        job = job_of(tmp_path, small_config(manifest, stages=stages), tmp_path / "out")

        found = [
            (one.learning_rate, one.epochs_before, one.epochs_of_schedule) for one in job.stages
        ]

        assert found == [(0.002, 0, 5), (0.002, 2, 5), (0.1, 0, 5), (0.1, 4, 5)]

    def test_a_stage_that_stops_getting_better_ends(self, manifest: Path, tmp_path: Path) -> None:
        """With patience 1 and a rate that changes nothing, a stage of 30 epochs ends after the third."""
        config = small_config(
            manifest,
            stages=[{"epochs": 30}],
            early_stopping={"metric": "accuracy", "patience": 1},
            optimiser={"learning_rate": 1e-12, "decay": "none"},
        )
        job = job_of(tmp_path, config, tmp_path / "out")
        train(job, Team(), report=lambda _: None)

        assert len(curve(job.out)) == 2

    def test_it_can_start_from_a_model(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """With start_from and no steps to speak of, the first validation is that of the model."""
        config = small_config(
            manifest,
            stages=[{"epochs": 1}],
            optimiser={"learning_rate": 1e-12, "decay": "none"},
        )
        config["model"] = {**config["model"], "start_from": str(trained.out / "model")}
        job = job_of(tmp_path, config, tmp_path / "out")
        run = Training(job, Team(), lambda _: None)
        expected = open_model(str(trained.out / "model"))
        state = run._network.state_dict()

        from safetensors.torch import load

        for name, tensor in load(expected.weights).items():
            torch.testing.assert_close(state[name], tensor)

    def test_the_model_to_start_from_is_found_from_anywhere(
        self,
        manifest: Path,
        trained: TrainingJob,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A path relative to the config is absolute in the job: workers run in directories of their own."""
        (tmp_path / "first").symlink_to(trained.out / "model")
        config = small_config(manifest)
        config["model"] = {**config["model"], "start_from": "first"}
        monkeypatch.chdir(tmp_path)
        job = job_of(Path(), config, tmp_path / "out")

        assert job.start_from is not None
        assert Path(job.start_from.place).is_absolute()
