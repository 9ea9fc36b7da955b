"""foveate search as a person runs it, with real Ray processes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from jobs.archive_writing import write_archive
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One that is done."""

    command: tuple[object, ...]
    """As it was given."""
    status: int
    """Exit status."""
    said: str
    """What it said."""
    out: Path
    """What it wrote."""
    digit: pd.Series
    """The example, a row of the archive's truth."""


@pytest.fixture(scope="module")
def search(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Search:
    """For the archive's first digit."""
    digit = pd.read_parquet(archive / "truth.parquet").iloc[0]
    out = tmp_path_factory.mktemp("found") / "found"
    command = (
        "jobs.search", archive / "manifest.csv", "--like", _image(archive, digit),
        "--region", f"{digit.y_px},{digit.x_px},28,28", "--model", "digits",
        "--budget", "12", "--out", out, "--workers", "1",
    )  # fmt: skip
    status, said = finished(*command)
    return Search(command=command, status=status, said=said, out=out, digit=digit)


def test_the_best_match_shows_the_examples_digit(archive: Path, search: Search) -> None:
    """By the archive's truth; matches come in their order, and a bad image is a row."""
    assert search.status == 3, search.said  # one image failed
    with (search.out / "matches.csv").open(newline="") as file:
        matches = list(csv.DictReader(file))
    truth = pd.read_parquet(archive / "truth.parquet")
    best = matches[0]
    mine = truth[(truth.sample_id == best["sample_id"]) & (truth.digit == search.digit.digit)]
    inside = (mine.y_px + 14).between(int(best["y_px"]), int(best["y_px"]) + 96)
    inside &= (mine.x_px + 14).between(int(best["x_px"]), int(best["x_px"]) + 96)
    assert inside.any()
    likes = [float(one["likeness"]) for one in matches]
    assert likes == sorted(likes, reverse=True)
    rows = pd.read_parquet(search.out / "predictions").set_index("sample_id")
    assert rows.status["broken"] == "failed"


def test_goes_on(search: Search) -> None:
    """The same command again makes the same model, and finds the images done."""
    status, said = finished(*search.command)

    assert status == 3, said
    assert "4 of 5 images are done" in said


def test_another_example_is_refused(search: Search) -> None:
    """Into the same directory it would mix two searches; the model that lies there stays."""
    kept = (search.out / "model/model.safetensors").read_bytes()
    status, said = finished(*search.command, "--region", "100,100,28,28")

    assert status == 2, said
    assert "model.sha256" in said
    assert (search.out / "model/model.safetensors").read_bytes() == kept


def test_the_model_can_be_used_again(archive: Path, search: Search, tmp_path: Path) -> None:
    """`foveate classify` with it says of an image what the search said."""
    image = _image(archive, search.digit)
    status, said = finished(
        "jobs.classify", image, "--model", search.out / "model", "--out", tmp_path / "again",
        "--workers", "1",
    )  # fmt: skip

    assert status == 0, said
    rows = pd.read_parquet(search.out / "predictions").set_index("sample_id")
    again = pd.read_parquet(tmp_path / "again/predictions")
    assert again.prob_like[0] == rows.prob_like[search.digit.sample_id]


def _image(archive: Path, digit: pd.Series) -> Path:
    return archive / f"images/test/{digit.sample_id}.ome.zarr"


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
