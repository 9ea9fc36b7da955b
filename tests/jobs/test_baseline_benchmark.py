"""Saccader and DRAM as a person trains and tests them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from jobs.cli import app
from tests.actors.training.archive import make_archive


def foveate(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four images to learn from and four to test, of two classes: so few do not hold all ten."""
    path = make_archive(tmp_path_factory.mktemp("baseline") / "archive")
    rows = pd.read_csv(path)
    rows["label"] = rows["label"] % 2
    rows.to_csv(path, index=False)
    return path


class TestCommand:
    @pytest.mark.slow
    @pytest.mark.timeout(400)
    @pytest.mark.parametrize(
        ("network", "options"),
        [
            ("dram", ("--epochs", 1, "--glimpses", 2)),
            ("saccader", ("--epochs", 3, "--glimpses", 2, "--downsample", 4)),
        ],
    )
    def test_from_a_manifest_to_a_result(
        self, manifest: Path, tmp_path: Path, network: str, options: tuple[object, ...]
    ) -> None:
        """What is written adds up and says how it came about; started again it says the same without training."""
        command = (
            "baseline-benchmark", manifest, "--network", network, "--batch-size", 8,
            *options, "--out", tmp_path / "run",
        )  # fmt: skip
        result = foveate(*command)
        assert result.exit_code == 0, result.output
        found = json.loads((tmp_path / "run/result.json").read_text())
        again = foveate(*command)

        assert (found["network"], found["seed"], found["num_images"]) == (network, 0, 4)
        assert found["accuracy"] * 4 == int(found["accuracy"] * 4)
        assert found["interval"][0] <= found["accuracy"] <= found["interval"][1]
        assert found["locations"] == 2
        assert "epoch 1" in result.output
        assert again.exit_code == 0
        assert "epoch 1" not in again.output
        repeated = json.loads((tmp_path / "run/result.json").read_text())
        assert {**repeated, "ms_per_image": 0} == {**found, "ms_per_image": 0}

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (("--network", "saccader", "--epochs", "2"), "Saccader learns in three stages"),
            (("--network", "dram", "--glimpses", "0"), "num_glimpses is 0; at least 1"),
            (("--network", "dram", "--learning-rate", "0"), "--learning-rate 0.0: above 0"),
            (("--network", "saccader", "--downsample", "0.5"), "--downsample 0.5: 1 (all pixels)"),
            (("--network", "dram", "--background", "2"), "background is 2.0"),
            (("--network", "drum"), "Invalid value for '--network'"),
            (("--network", "dram", "--test-split", "exam"), "exam"),
        ],
    )
    def test_wrong_use(
        self, manifest: Path, tmp_path: Path, options: tuple[str, ...], problem: str
    ) -> None:
        """Each mistake is named, with status 2, and nothing is written."""
        result = foveate("baseline-benchmark", manifest, *options, "--out", tmp_path / "out")

        assert result.exit_code == 2
        assert problem in " ".join(result.output.split())
        assert not (tmp_path / "out").exists()

    def test_a_manifest_without_labels(self, manifest: Path, tmp_path: Path) -> None:
        """There is nothing to learn, and the message says what is missing."""
        rows = pd.read_csv(manifest).drop(columns="label")
        unlabelled = manifest.with_name("unlabelled.csv")
        rows.to_csv(unlabelled, index=False)

        result = foveate(
            "baseline-benchmark", unlabelled, "--network", "dram", "--out", tmp_path / "out"
        )

        assert result.exit_code == 2
        assert "label" in result.output
        assert not (tmp_path / "out").exists()
