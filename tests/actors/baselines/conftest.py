"""One small archive for all tests of the baselines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.actors.training.archive import make_archive


@pytest.fixture(scope="package")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-six images of 192 px to learn from, twelve to choose by, four for the test."""
    directory = tmp_path_factory.mktemp("baselines") / "archive"
    return make_archive(directory, num_train=48, canvas_px=192)
