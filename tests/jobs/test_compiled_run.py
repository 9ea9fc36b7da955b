"""A run whose workers compile the network has the rows of one whose workers do not, to rounding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.image_files import slide
from tests.jobs.processes import ENVIRONMENT, finished, table
from tests.jobs.test_classify import untrained

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(400)]


def test_rows_are_the_same_and_the_run_says_how(tmp_path: Path) -> None:
    """Same looks, probabilities equal to rounding, and the setting is recorded: a run is not resumed with the other."""
    image, model = slide(tmp_path / "one.tif"), untrained(tmp_path / "model").place
    command = ("jobs.classify", image, "--model", model, "--budget", 4, "--out")
    status, said = finished(*command, tmp_path / "compiled", "--compile", limit_s=300)
    finished(*command, tmp_path / "plain")
    compiled, plain = (table(tmp_path / name, "glimpses") for name in ("compiled", "plain"))
    [row], [expected] = (
        table(tmp_path / name, "predictions").to_dict("records") for name in ("compiled", "plain")
    )

    assert status == 0, said
    assert compiled[["y_px", "x_px"]].equals(plain[["y_px", "x_px"]])
    for number in range(10):
        assert row[f"prob_{number}"] == pytest.approx(expected[f"prob_{number}"], abs=1e-5)
    assert json.loads((tmp_path / "compiled/run.json").read_text())["settings"]["compiled"] is True

    status, said = finished(*command, tmp_path / "plain", "--compile")

    assert status == 2
    assert "compiled" in said


def test_without_a_compiler_the_run_does_not_begin(tmp_path: Path) -> None:
    """No image fails for what the machine lacks: the command says what it is, and the rows are still to come."""
    image, model = slide(tmp_path / "one.tif"), untrained(tmp_path / "model").place
    out = tmp_path / "out"
    bare = {
        **ENVIRONMENT,
        "PATH": str(tmp_path),
        "CXX": "/nowhere/g++",
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"),
    }
    command = ("jobs.classify", image, "--model", model, "--budget", 4, "--out", out, "--compile")
    status, said = finished(*command, environment=bare)

    assert status == 2, said
    assert "cannot be compiled on this machine" in said
    assert not list(out.glob("predictions/*.parquet"))
