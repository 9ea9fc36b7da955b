"""foveate search as a person runs it, with real Ray processes."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from jobs.make_benchmark import write_archive
from pipeline.benchmarks.archive import ArchivePlan
from pipeline.benchmarks.digits import read_digits
from pipeline.benchmarks.scene import SceneLaw
from tests.jobs.processes import finished

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images with five digits each, and a file that is none."""
    directory = tmp_path_factory.mktemp("search") / "archive"
    plan = ArchivePlan(
        law=SceneLaw(canvas_px=1536, num_noise=2, background="grain"),
        num_train=0,
        num_test=4,
        pad_to_px=1536,
        seed=3,
    )
    write_archive(plan, read_digits("digits"), directory)
    with (directory / "manifest.csv").open("a") as manifest:
        manifest.write("broken,broken.tif,0,test,0,0,0,0\n")
    (directory / "broken.tif").write_bytes(b"no image")
    return directory


def test_finds_the_example_itself_and_goes_on(archive: Path, tmp_path: Path) -> None:
    """The best match shows the example's digit; a bad image is a row; the model can be used again; a run resumes."""
    row = pd.read_parquet(archive / "truth.parquet").iloc[0]
    image = archive / f"images/test/{row.sample_id}.ome.zarr"
    out = tmp_path / "found"
    command = (
        "jobs.search", archive / "manifest.csv", "--like", image,
        "--region", f"{row.y_px},{row.x_px},28,28", "--model", "digits",
        "--budget", "12", "--out", out, "--workers", "1",
    )  # fmt: skip
    status, said = finished(*command)

    assert status == 3, said  # one image failed
    with (out / "matches.csv").open(newline="") as file:
        matches = list(csv.DictReader(file))
    truth = pd.read_parquet(archive / "truth.parquet")
    best = matches[0]
    mine = truth[(truth.sample_id == best["sample_id"]) & (truth.digit == row.digit)]
    inside = (mine.y_px + 14).between(int(best["y_px"]), int(best["y_px"]) + 96)
    inside &= (mine.x_px + 14).between(int(best["x_px"]), int(best["x_px"]) + 96)
    assert inside.any()
    likes = [float(one["likeness"]) for one in matches]
    assert likes == sorted(likes, reverse=True)
    assert pd.read_parquet(out / "predictions").set_index("sample_id").status["broken"] == "failed"

    status, said = finished(*command)
    assert status == 3, said
    assert "4 of 5 images are done" in said
    again = tmp_path / "again"
    status, said = finished(
        "jobs.classify", image, "--model", out / "model", "--out", again, "--workers", "1"
    )
    assert status == 0, said
    found = pd.read_parquet(out / "predictions").set_index("sample_id").prob_like[row.sample_id]
    assert pd.read_parquet(again / "predictions").prob_like[0] == found


@pytest.mark.parametrize(
    ("region", "said"),
    [("1,2,3", "give Y,X,HEIGHT,WIDTH"), ("1530,0,28,28", "does not lie in the image")],
)
def test_wrong_use(archive: Path, tmp_path: Path, region: str, said: str) -> None:
    """A region that is none, or lies outside, is told before anything is started, with status 2."""
    image = archive / "images/test/test_00000.ome.zarr"
    status, told = finished(
        "jobs.search", image, "--like", image, "--region", region, "--model", "digits",
        "--out", tmp_path / "out",
    )  # fmt: skip

    assert status == 2
    assert said in told
    assert not (tmp_path / "out").exists()
