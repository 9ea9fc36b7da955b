"""A job that is told to stop: it says so, ends with the status of an interruption, and goes on when asked again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.image_files import slide
from tests.jobs.processes import finished, started, table, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(400)]
NUM_IMAGES = 12


def command(images: Path, out: Path) -> tuple[object, ...]:
    """One that looks everywhere."""
    options = ("--full-scan", "--in-flight", 2, "--set", "walk.foreground=valid")
    return ("jobs.cli", "classify", images, "--model", "digits", "--out", out, *options)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_classify_can_be_interrupted(tmp_path: Path, which: signal.Signals) -> None:
    """SIGTERM (a cluster that takes a machine back) and Ctrl-C: status 130, run.json says so, no image is lost."""
    original = slide(tmp_path / "images/0.tif", 1400, 1400)
    for number in range(1, NUM_IMAGES):
        os.link(original, tmp_path / f"images/{number}.tif")
    out = tmp_path / "out"
    with started(*command(tmp_path / "images", out)) as process:
        wait_until(lambda: len(list(out.glob("predictions/*.parquet"))) >= 2, process, limit_s=120)
        process.send_signal(which)
        said_out, said = process.communicate(timeout=120)

    assert process.returncode == 130, said_out + said
    assert "interrupted; run the same command again" in said
    assert json.loads((out / "run.json").read_text())["status"] == "interrupted"

    status, said = finished(*command(tmp_path / "images", out), limit_s=200)
    assert status == 0, said
    assert "resuming" in said
    assert len(table(out, "predictions")) == NUM_IMAGES
