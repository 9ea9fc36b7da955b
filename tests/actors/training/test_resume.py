"""A run that was killed goes on as if it had not been."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from actors.training.figures import EpochFigures
from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import Training, train
from tests.actors.training.archive import curve, job_of, small_config

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:tensorboard", "ignore::UserWarning:torch"
)


class StoppedError(Exception):
    """The end of a test's patience."""


class TestResume:
    def test_a_run_taken_up_again_has_the_same_curve(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """Broken off after each epoch and taken up by a new process' state, the curve and the weights are equal."""
        job = job_of(tmp_path, small_config(manifest), tmp_path / "out")

        def stop(_: EpochFigures) -> None:
            raise StoppedError

        for _ in range(3):
            with pytest.raises(StoppedError):
                train(job, Team(), report=stop)
        train(job, Team(), report=lambda _: None)

        assert curve(job.out) == curve(trained.out)
        mine, whole = (
            torch.load(out / "checkpoint.pt", weights_only=True)["network"]
            for out in (job.out, trained.out)
        )
        assert all(torch.equal(mine[name], whole[name]) for name in whole)

    def test_what_a_killed_epoch_said_is_forgotten(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """A kill in the middle of an epoch leaves lines behind; taken up again, each epoch stands there once."""
        job = job_of(tmp_path, small_config(manifest), tmp_path / "out")
        run = Training(job, Team(), lambda _: None)
        run.run_stage()
        with (job.out / "training.jsonl").open("a") as log:
            log.write(json.dumps({"kind": "step", "epoch": 1, "steps_done": 4}) + "\n")
            log.write('{"kind": "epoch", "epo')  # the kill

        train(job, Team(), report=lambda _: None)

        assert curve(job.out) == curve(trained.out)

    def test_a_finished_run_does_nothing(self, trained: TrainingJob) -> None:
        """Training again into the directory of a finished run changes no file of the model."""
        before = (trained.out / "model/model.safetensors").stat().st_mtime_ns
        told: list[EpochFigures] = []
        train(trained, Team(), report=told.append)

        assert not told
        assert (trained.out / "model/model.safetensors").stat().st_mtime_ns == before
