"""foveate attention-benchmark: from drawn digits to a result, and to the table of all results."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.benchmarks import toys
from tests.jobs.commands import foveate


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few pairs on black, of scikit-learn's digits."""
    directory = tmp_path_factory.mktemp("toys") / "mref"
    made = foveate(
        *("make-benchmark", "coloured-digits", "--kind", "mref", "--out", directory),
        *("--train", 24, "--validation", 8, "--test", 8),
    )
    assert made.exit_code == 0, made.output
    return directory


def test_a_result_and_its_row(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was trained and how is in result.json; the table lays it beside the paper's figure."""
    asked = ("--attention", "san", "--epochs", 2, "--batch-size", 12, "--decay-from", 2)
    done = foveate("attention-benchmark", data, *asked, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    monkeypatch.setattr(sys, "argv", ["toys", str(tmp_path / "run")])
    toys.main()
    head, rule, row = capsys.readouterr().out.splitlines()

    assert (result["attention"], result["kind"], result["epochs"]) == ("san", "mref", 2)
    assert (result["parameters"], result["num_pairs"]) == (30_470, 8)
    assert result["schedule"]["decay_from"] == 2
    assert row.startswith("| mref | san | 30,470 | 2 | ")
    assert " | 83.42 % | " in row
    assert head.count("|") == rule.count("|") == row.count("|")


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (["--learning-rate", "0"], "--learning-rate 0.0: above 0"),
        (["--out", "{data}/pairs.parquet/run"], "cannot be written to"),
        (["--seed", "1", "--out", "{tmp}/run"], "seed: 0 then, 1 now"),
    ],
)
def test_wrong_use(data: Path, tmp_path: Path, asked: list[str], problem: str) -> None:
    """One message and status 2: no rate, no place, another run's place."""
    common = ("attention-benchmark", data, "--attention", "san", "--epochs", 1, "--batch-size", 12)
    assert foveate(*common, "--out", tmp_path / "run").exit_code == 0
    filled = [one.format(data=data, tmp=tmp_path) for one in ["--out", "{tmp}/other", *asked]]
    result = foveate(*common, *filled)

    assert result.exit_code == 2
    assert problem in " ".join(result.output.split())


def test_no_data_is_told(tmp_path: Path) -> None:
    """A directory without a data set names the command that makes one."""
    result = foveate("attention-benchmark", tmp_path, "--attention", "san", "--out", tmp_path / "x")

    assert result.exit_code == 2
    assert "foveate make-benchmark coloured-digits" in " ".join(result.output.split())
