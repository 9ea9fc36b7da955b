"""A trained toy network for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.small_images.trained_run import TrainedRun, read_run
from tests.actors.small_images.toy import put_into_catalogue, run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a finished run."""
    directory = tmp_path_factory.mktemp("toy") / "run"
    with pytest.MonkeyPatch.context() as patch:
        put_into_catalogue(patch)
        run(directory, lambda _: None)
    return directory


@pytest.fixture
def trained_run(trained: Path, monkeypatch: pytest.MonkeyPatch) -> TrainedRun:
    """The run, read back."""
    put_into_catalogue(monkeypatch)
    return read_run(trained)
