"""What a kill in mid-run leaves behind: real Ray processes, real SIGKILL."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from pipeline.manifest import ImageRecord, read_images
from tests.image_files import slide
from tests.jobs.processes import finished, started, table, the_worker, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(180)]

NUM_IMAGES = 30


def many(directory: Path, count: int) -> list[ImageRecord]:
    """Images that take a while: a few slides under many names."""
    originals = [slide(directory / f"original_{seed}", 1400, 1400, seed=seed) for seed in range(4)]
    for number in range(count):
        os.link(originals[number % 4], directory / f"image_{number:03d}.tif")
    return list(read_images([str(directory)]).records)


def full_scan(images: Path, out: Path) -> tuple[object, ...]:
    """A command that looks everywhere."""
    options = ("--full-scan", "--in-flight", 2, "--set", "walk.foreground=valid")
    return ("jobs.cli", "classify", images, "--model", "digits", "--out", out, *options)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of images."""
    directory = tmp_path_factory.mktemp("many")
    many(directory, NUM_IMAGES)
    return directory


@pytest.fixture(scope="module")
def expected(images: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of a run that nobody disturbed."""
    out = images.parent / "undisturbed"
    status, said = finished(*full_scan(images, out))
    assert status == 0, said
    return table(out, "predictions"), table(out, "glimpses")


class TestKills:
    def test_a_killed_driver_loses_only_what_was_in_flight(
        self, images: Path, expected: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
    ) -> None:
        """After SIGKILL of the job the same command goes on, and ends with the rows of an undisturbed run."""
        out = tmp_path / "out"
        parts = out / "predictions"
        with started(*full_scan(images, out)) as process:
            wait_until(lambda: len(list(parts.glob("*.parquet"))) >= 6, process)
            worker = the_worker(process)
            process.kill()
            worker.wait(timeout=30)  # Ray's workers end with their driver
        num_kept = len(pd.read_parquet(parts))
        status, said = finished(*full_scan(images, out))

        assert status == 0, said
        assert 6 <= num_kept < NUM_IMAGES
        assert f"resuming: {num_kept} of {NUM_IMAGES} images are done" in said
        pd.testing.assert_frame_equal(table(out, "predictions"), expected[0])
        pd.testing.assert_frame_equal(table(out, "glimpses"), expected[1])

    def test_a_killed_worker_is_replaced(
        self, images: Path, expected: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
    ) -> None:
        """After SIGKILL of the worker in mid-run every image still has its one row."""
        out = tmp_path / "out"
        parts = out / "predictions"
        with started(*full_scan(images, out)) as process:
            wait_until(lambda: len(list(parts.glob("*.parquet"))) >= 6, process)
            the_worker(process).kill()
            out_text, err_text = process.communicate(timeout=120)

        assert process.returncode == 0, out_text + err_text
        pd.testing.assert_frame_equal(table(out, "predictions"), expected[0])
        pd.testing.assert_frame_equal(table(out, "glimpses"), expected[1])
