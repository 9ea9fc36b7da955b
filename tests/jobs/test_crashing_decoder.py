"""A decoder that kills its process: real Ray processes, a real codec of somebody else, a real SIGSEGV."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from tests.image_files import slide
from tests.jobs.hostile_codec import CRASHES, install_codec, write_hostile
from tests.jobs.processes import ENVIRONMENT, ROOT, finished, table

NUM_IMAGES = int(os.environ.get("FOVEATE_CHAOS_IMAGES", "12"))
LONG_S = 150 + 2 * NUM_IMAGES

pytestmark = [
    pytest.mark.ray,
    pytest.mark.xdist_group("ray"),
    pytest.mark.timeout(180 + 5 * NUM_IMAGES),
]


def classify(images: Path, out: Path, packages: Path) -> tuple[int, str]:
    """All images of a directory, with the packages of another one."""
    path = f"{packages}:{ROOT}"
    options = ("--model", "digits", "--set", "walk.foreground=valid", "--full-scan")
    return finished(
        "jobs.cli",
        *("classify", images, "--out", out, *options),
        environment={**ENVIRONMENT, "PYTHONPATH": path},
        limit_s=LONG_S,
    )


def without(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of all other images."""
    return rows[~rows["image_path"].str.endswith(name)].reset_index(drop=True)


class TestCrashingDecoder:
    def test_it_takes_one_image_with_it(self, tmp_path: Path) -> None:
        """The image fails with its reason after a bounded number of deaths; all others are as without it."""
        images, packages = tmp_path / "images", tmp_path / "packages"
        images.mkdir()
        install_codec(packages, CRASHES)
        for number in range(NUM_IMAGES):
            slide(images / f"image_{number:03d}.tif", 500, 600, seed=number)
        status, said = classify(images, tmp_path / "undisturbed", packages)
        assert status == 0, said
        write_hostile(images / "image_05_crashing.zarr")
        status, said = classify(images, tmp_path / "out", packages)
        predictions = table(tmp_path / "out", "predictions")
        failed = predictions[predictions["status"] == "failed"]

        assert status == 3, said
        assert list(failed["image_path"]) == [str(images / "image_05_crashing.zarr")]
        [error] = failed["error"]
        assert "image_05_crashing.zarr: reading it killed its process 3 times" in error
        assert not (tmp_path / "out" / ".in_flight").exists()
        expected = table(tmp_path / "undisturbed", "predictions")
        pd.testing.assert_frame_equal(
            without(predictions, "crashing.zarr"), expected, check_dtype=False
        )
        assert (predictions["status"] == "ok").sum() == NUM_IMAGES
