"""One small archive and one finished run on it, for all tests of training."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import train
from tests.actors.training.archive import job_of, make_archive, small_config


@pytest.fixture(scope="package")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen images to learn from, six to choose by, four for the test."""
    return make_archive(tmp_path_factory.mktemp("training") / "archive")


@pytest.fixture(scope="package")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    """A finished run of three epochs."""
    directory = tmp_path_factory.mktemp("trained")
    job = job_of(directory, small_config(manifest), directory / "out")
    train(job, Team(), report=lambda _: None)
    return job
