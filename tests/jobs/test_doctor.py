"""foveate doctor: what is there, and what is wrong with it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.doctor import Finding, total_of
from tests.image_files import slide
from tests.jobs.commands import foveate


class TestDoctor:
    def test_tells_what_is_there_and_what_is_wrong(self, tmp_path: Path) -> None:
        """Good images have their facts, bad ones their problem; the exit status says that there is one."""
        good = slide(tmp_path / "good.tif")
        (tmp_path / "bad.tif").write_bytes(b"II*\0nonsense")
        result = foveate("doctor", tmp_path, "--json")
        found = {row["sample_id"]: row for row in map(json.loads, result.stdout.splitlines())}

        assert result.exit_code == 3
        assert (found["good"]["height_px"], found["good"]["num_levels"]) == (700, 3)
        assert found["good"]["problem"] is None
        assert 0 < found["good"]["full_scan_bytes"] < good.stat().st_size
        assert "bad.tif" in found["bad"]["problem"]

    def test_names_are_shown_as_they_are(self, tmp_path: Path) -> None:
        """Brackets and colons in an id are neither styles nor pictures."""
        slide(tmp_path / "a.tif")
        names = ("b[left]", "c[/bold]", "d:heart:")
        rows = "".join(f"{name},a.tif\n" for name in names)
        (tmp_path / "m.csv").write_text(f"sample_id,image_path\n{rows}")
        result = foveate("doctor", tmp_path / "m.csv")

        assert result.exit_code == 0
        assert all(name in result.output for name in names)

    def test_sizes_that_no_index_tells_are_not_nothing(self) -> None:
        """The total says of how many images it knows nothing; those that did not open are not among them."""
        one = Finding(sample_id="a", image_path="a", format="tiff", full_scan_bytes=10)
        findings = [one, replace(one, full_scan_bytes=None), replace(one, format=None, problem="x")]

        assert "unknown" not in total_of(findings[:1])
        assert "3 images, 1 with problems; a full scan reads 10 bytes" in total_of(findings)
        assert "what 1 image of unknown size take" in total_of(findings)

    def test_checks_against_a_model(self, tmp_path: Path) -> None:
        """An image that is smaller than one look of the model is a problem only with that model."""
        slide(tmp_path / "small.tif", 80, 80)

        assert foveate("doctor", tmp_path).exit_code == 0
        assert foveate("doctor", tmp_path, "--model", "digits").exit_code == 3

    @pytest.mark.shared
    def test_the_real_archive(self, shared: Path) -> None:
        """All 30 slides are opened; sizes and pixel sizes are those of the archive's own table."""
        manifest = shared / "slide_archive/labels.csv"
        result = foveate("doctor", manifest, "--json", "--model", "digits")
        found = {row["sample_id"]: row for row in map(json.loads, result.stdout.splitlines())}
        with manifest.open(newline="") as file:
            rows = list(csv.DictReader(file))

        assert result.exit_code == 0
        assert len(found) == len(rows) == 30
        for row in rows:
            facts = found[row["sample_id"]]
            assert (facts["width_px"], facts["height_px"]) == (
                int(row["width"]),
                int(row["height"]),
            )
            expected = f"{float(row['mpp']):.4g} um" if row["mpp"] else None
            assert facts["pixel_size"] == expected
