"""foveate savings with real Ray processes: nested budgets are the walks that they claim to be."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from tests.image_files import slide
from tests.jobs.processes import finished, table

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(300)]


def archive(directory: Path, *, label: str = "3") -> Path:
    """Three small slides with labels."""
    path = directory / "manifest.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sample_id", "image_path", "label"])
        for number in range(3):
            image = slide(directory / f"{number}.tif", 500 + 50 * number, 600, seed=number)
            rows.writerow([f"s{number}", image.name, label])
    return path


def foveate(job: str, manifest: Path, out: Path, *options: str) -> tuple[int, str]:
    """A command to its end."""
    return finished(f"jobs.{job}", manifest, "--model", "digits", "--out", out, *options)


class TestSavings:
    def test_smaller_budgets_are_walks_of_their_own(self, tmp_path: Path) -> None:
        """A row of savings/ equals a run of classify at that budget, in prediction, looks and bytes."""
        manifest = archive(tmp_path)
        status, said = foveate(
            "savings", manifest, tmp_path / "savings", "--budgets", "2,6", "--audit", "50%"
        )
        alone, _ = foveate("classify", manifest, tmp_path / "alone", "--budget", "2")
        assert status == alone == 0, said
        rows = pd.read_parquet(tmp_path / "savings" / "savings").set_index("sample_id")
        small = rows[(rows.way == "attention") & (rows.budget == 2)]
        wanted = table(tmp_path / "alone", "predictions").set_index("sample_id")

        assert small.label.to_dict() == wanted.label.to_dict()
        assert small.confidence.to_dict() == wanted.confidence.to_dict()
        assert small.bytes_read.to_dict() == wanted.bytes_read.to_dict()
        assert set(small.looks) == {2}
        assert set(rows.way) == {"attention", "random", "centre", "foreground", "full_scan"}
        assert len(pd.read_parquet(tmp_path / "savings" / "audit")) == 2
        scans = rows[rows.way == "full_scan"]
        ran, counted = scans[scans.is_run], scans[~scans.is_run]
        assert ran.looks.to_dict() == counted.looks.loc[ran.index].to_dict()
        assert ran.tiles.to_dict() == counted.tiles.loc[ran.index].to_dict()
        assert ran.requested_bytes.to_dict() == counted.requested_bytes.loc[ran.index].to_dict()
        assert "every pixel of the finest level that the model reads" in said

    def test_a_label_that_the_model_does_not_know_is_named(self, tmp_path: Path) -> None:
        """Wrong use: the row, its label and the way out, and nothing is written."""
        manifest = archive(tmp_path, label="cat")
        status, said = foveate("savings", manifest, tmp_path / "savings", "--budgets", "2")

        assert status == 2
        assert "s0: its label 'cat' is no class of the model" in said
        assert not (tmp_path / "savings").exists()
