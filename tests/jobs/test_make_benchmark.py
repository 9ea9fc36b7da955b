"""foveate make-benchmark as a person runs it."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import psutil
import pytest

from pipeline.images.opening import open_source
from tests.jobs.processes import finished, started, wait_until

SMALL = ("--train", 4, "--test", 2, "--canvas", 300, "--noise", 6, "--tile", 64)


class TestCommand:
    def test_it_writes_an_archive_and_says_how_large(self, tmp_path: Path) -> None:
        """Six images, their number, bytes and rate; the manifest's paths open beside it."""
        command = ("jobs.cli", "make-benchmark", "megapixel-mnist", "--out", tmp_path / "a")
        status, said = finished(*command, *SMALL, "--task", "max", "--format", "tiff")
        assert status == 0, said
        assert "6 images, " in said
        assert "images/s" in said

        rows = list(csv.DictReader((tmp_path / "a/manifest.csv").read_text().splitlines()))
        assert [row["label"] for row in rows] == [row["label_max"] for row in rows]
        for row in rows:
            source = open_source(str(tmp_path / "a" / row["image_path"]))
            assert source.pyramid.levels[0].height == 320  # padded, so that it halves evenly
            source.close()

    @pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
    def test_it_can_be_interrupted(self, tmp_path: Path, which: signal.Signals) -> None:
        """Status 130, no process goes on drawing, and the same command makes what is missing."""
        options = ("--train", 48, "--test", 2, "--out", tmp_path / "a")
        command = ("jobs.cli", "make-benchmark", "megapixel-mnist", *options)
        with started(*command) as process:
            wait_until(lambda: any((tmp_path / "a").rglob("train_*")), process)
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(which)
            _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "interrupted; run the same command again" in said
        assert family
        assert not psutil.wait_procs(family, timeout=10)[1]
        assert not (tmp_path / "a/manifest.csv").exists()

        status, said = finished(*command)
        assert status == 0, said
        assert "going on with the archive that is there" in said
        rows = csv.DictReader((tmp_path / "a/manifest.csv").read_text().splitlines())
        assert all((tmp_path / "a" / row["image_path"]).exists() for row in rows)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--digits", "mnist:nowhere"), "train-images-idx3-ubyte, train-labels-idx1-ubyte"),
            (("--canvas", "70"), "do not fit"),
            (("--majority", "2"), "is no majority"),
            (("--task", "sum"), "majority"),
        ],
    )
    def test_wrong_use_ends_with_two_and_writes_nothing(
        self, tmp_path: Path, options: tuple[str, ...], message: str
    ) -> None:
        """The message names the way out, the status is 2, and --out stays away."""
        command = ("jobs.cli", "make-benchmark", "megapixel-mnist", "--out", tmp_path / "a")
        status, said = finished(*command, *options)

        assert status == 2
        assert message in said
        assert "Traceback" not in said
        assert not (tmp_path / "a").exists()
