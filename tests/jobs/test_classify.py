"""The main job with real Ray processes and real files, good and bad."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from actors.model_directory import SHIPPED, ModelDirectory, open_model
from actors.model_loading import load_runner
from jobs.new_model import new_config, write_model
from models.architecture import architecture_named
from pipeline.image_list import read_images
from pipeline.images.tile_cache import TileCache
from pipeline.walk.opening import open_image_walk
from pipeline.walk.walk import walk
from tests.conftest import picture
from tests.image_files import slide, write_ome_zarr
from tests.jobs.processes import finished, table

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(180)]


def write_manifest(path: Path, images: dict[str, str]) -> Path:
    """A CSV of ids and paths."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sample_id", "image_path", "mpp", "organ"])
        rows.writerows([name, image, "", "liver"] for name, image in images.items())
    return path


GOOD = [f"{number:03d}" for number in range(8)]


def make_mixed_archive(directory: Path) -> Path:
    """Eight good slides, an OME-Zarr, and every kind of bad input."""
    images = {}
    for number, name in enumerate(GOOD):
        images[name] = slide(directory / f"{name}.tif", 500 + 40 * number, 800, seed=number).name
    level = np.moveaxis(picture(500, 600), 2, 0)
    images["zarr"] = write_ome_zarr(directory / "good.zarr", [level, level[:, ::2, ::2]]).name
    for name in ("empty.tif", "text.tif"):
        (directory / name).write_bytes(b"" if name == "empty.tif" else b"this is not an image")
        images[name] = name
    cut = slide(directory / "cut.tif")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 3])
    torn = slide(directory / "torn.tif", seed=5)
    with tifffile.TiffFile(torn) as file, torn.open("r+b") as raw:
        page = file.pages[2]
        raw.seek(page.dataoffsets[0])
        raw.write(b"\0" * page.databytecounts[0])
    stack = np.zeros((5, 200, 200), np.uint8)
    tifffile.imwrite(directory / "stack.ome.tif", stack, ome=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(directory / "deep.tif", stack[0].astype(np.uint16), metadata=None)
    slide(directory / "small.tif", 50, 400)
    os.mkfifo(directory / "pipe.tif")
    names = (
        "cut.tif",
        "torn.tif",
        "stack.ome.tif",
        "deep.tif",
        "small.tif",
        "pipe.tif",
        "gone.tif",
    )
    images |= {name: name for name in names}
    images["url"] = "ftp://server/a.tif"
    return write_manifest(directory / "manifest.csv", images)


def untrained(directory: Path) -> ModelDirectory:
    """A model with random weights that looks at gray values."""
    if not directory.exists():
        classes = tuple(str(digit) for digit in range(10))
        write_model(
            new_config(architecture_named("tnet_small"), classes, seed=0, bands="luminance"),
            directory,
        )
    return open_model(str(directory))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int, str]:
    """One run over the mixed archive: manifest, output, exit status, what it said."""
    directory = tmp_path_factory.mktemp("mixed")
    manifest = make_mixed_archive(directory)
    out = directory / "out"
    model = untrained(directory / "untrained").place
    status, said = finished(
        "jobs.classify", manifest, "--model", model, "--budget", 6, "--out", out
    )
    return manifest, out, status, said


class TestClassify:
    def test_every_image_has_one_row(self, run: tuple[Path, Path, int, str]) -> None:
        """Whatever is wrong with an image, it has exactly one row; the status says that some failed."""
        manifest, out, status, said = run
        expected = sorted(record.sample_id for record in read_images([str(manifest)]).records)
        rows = table(out, "predictions")

        assert status == 3, said
        assert rows["sample_id"].tolist() == expected
        assert "UNTRAINED" in said
        assert "columns without meaning here: organ" in said

    @pytest.mark.parametrize(
        ("name", "status", "words"),
        [
            ("gone.tif", "failed", "No such file"),
            ("empty.tif", "failed", "the file is empty"),
            ("text.tif", "failed", "not an image that is known"),
            ("cut.tif", "failed", "damaged|cut short"),
            ("stack.ome.tif", "failed", "its axes are ZYX"),
            ("deep.tif", "failed", "samples are uint16, the model takes uint8"),
            ("small.tif", "failed", "smaller than one look"),
            ("pipe.tif", "failed", "not a regular file"),
            ("url", "failed", "wanted http, https, s3"),
            ("torn.tif", "degraded", "tile 0, 0 of level 2"),
        ],
    )
    def test_errors_say_what_to_do(
        self, run: tuple[Path, Path, int, str], name: str, status: str, words: str
    ) -> None:
        """The error column names what was found and the way out; a torn image is not lost."""
        rows = table(run[1], "predictions").set_index("sample_id")

        assert rows.loc[name, "status"] == status
        assert pd.Series([rows.loc[name, "error"]]).str.contains(words).all()

    def test_good_images_equal_the_reference(self, run: tuple[Path, Path, int, str]) -> None:
        """Through Ray, a directory and Parquet, probabilities and looks are those of walk(), to the last bit."""
        manifest, out, _, _ = run
        rows = table(out, "predictions").set_index("sample_id")
        glimpses = table(out, "glimpses")
        model = untrained(manifest.parent / "untrained").with_changes({"walk.budget": 6})
        runner = load_runner(model)
        for record in read_images([str(manifest)]).records:
            if record.sample_id not in (*GOOD, "zarr"):
                continue
            image = open_image_walk(
                record, model.config.plan, combine=runner.combine, cache=TileCache(2**24)
            )
            walk(image, runner)
            kept = np.stack([look.kept for look in image.traversal.looks])
            expected = runner.combine(kept)[-1]
            looks = glimpses[glimpses["sample_id"] == record.sample_id]
            found = rows.loc[record.sample_id, [f"prob_{i}" for i in range(10)]]

            assert rows.loc[record.sample_id, "status"] == "ok"
            assert found.tolist() == expected.tolist()
            assert looks[["y_px", "x_px"]].to_numpy().tolist() == [
                [look.glimpse.region.y, look.glimpse.region.x] for look in image.traversal.looks
            ]

    def test_the_ledger_adds_up(self, run: tuple[Path, Path, int, str]) -> None:
        """Per image, the transferred bytes of header and levels are the bytes of its prediction."""
        rows, ledger = (table(run[1], name) for name in ("predictions", "ledger"))
        sums = ledger.groupby("sample_id")["transferred_bytes"].sum()
        classified = rows[rows["status"] != "failed"].set_index("sample_id")

        assert sums[classified.index].tolist() == classified["bytes_read"].tolist()
        assert (classified["bytes_read"] > 0).all()

    def test_run_json_and_summary_say_what_happened(self, run: tuple[Path, Path, int, str]) -> None:
        """Counts, versions and the loud word about an untrained model are written down."""
        record = json.loads((run[1] / "run.json").read_text())
        summary = (run[1] / "summary.md").read_text()

        assert record["status"] == "finished"
        assert record["totals"]["images"] == 19
        assert (record["totals"]["failed"], record["totals"]["degraded"]) == (9, 1)
        assert record["settings"]["walk.budget"] == 6
        assert record["versions"]["ray"]
        assert "UNTRAINED" in summary
        assert "## Failed images (9)" in summary

    def test_nothing_unfinished_is_left(self, run: tuple[Path, Path, int, str]) -> None:
        """After compaction each table is one file, and no temporary one remains."""
        files = sorted(
            str(path.relative_to(run[1])) for path in run[1].rglob("*") if path.is_file()
        )

        assert files == [
            "glimpses/rows.parquet",
            "images/rows.parquet",
            "ledger/rows.parquet",
            "predictions/rows.parquet",
            "run.json",
            "summary.md",
        ]

    def test_running_again_does_only_what_is_left(self, run: tuple[Path, Path, int, str]) -> None:
        """A failed image is tried again, a changed one is classified anew, finished ones are skipped."""
        manifest, out, _, _ = run
        before = pd.read_parquet(out / "predictions").set_index("sample_id")
        seconds = json.loads((out / "run.json").read_text())["seconds"]
        slide(manifest.parent / "gone.tif", seed=77)
        slide(manifest.parent / "003.tif", 777, 800, seed=78)
        model = untrained(manifest.parent / "untrained").place
        status, said = finished(
            "jobs.classify", manifest, "--model", model, "--budget", 6, "--out", out
        )
        after = pd.read_parquet(out / "predictions").set_index("sample_id")
        skipped = [name for name in (*GOOD, "zarr", "torn.tif") if name != "003"]

        assert status == 3, said
        assert "resuming: 9 of 19 images are done" in said
        assert json.loads((out / "run.json").read_text())["seconds"] > seconds + 1
        assert sorted(after.index) == sorted(before.index)
        pd.testing.assert_frame_equal(after.loc[skipped], before.loc[skipped])
        assert after.loc["gone.tif", "status"] == "ok"
        assert after.loc["003", "height_px"] == 777
        assert not table(out, "glimpses").duplicated(["sample_id", "order"]).any()

    def test_a_degraded_image_is_tried_again_when_asked(
        self, run: tuple[Path, Path, int, str]
    ) -> None:
        """`--retry-degraded` takes up the torn image, too, and its one row is the same: the file still is."""
        manifest, out, _, _ = run
        before = pd.read_parquet(out / "predictions").set_index("sample_id")
        model = untrained(manifest.parent / "untrained").place
        again = ("--out", out, "--retry-degraded")
        status, said = finished("jobs.classify", manifest, "--model", model, "--budget", 6, *again)
        after = pd.read_parquet(out / "predictions").set_index("sample_id")
        num_done = int((before["status"] == "ok").sum())

        assert status == 3, said
        assert f"resuming: {num_done} of 19 images are done" in said
        columns = ["status", "label", "confidence", "error"]
        assert (after.loc["torn.tif", columns] == before.loc["torn.tif", columns]).all()


class TestModelThatDoesNotLoad:
    def test_is_wrong_use_and_opens_no_image(self, tmp_path: Path) -> None:
        """Weights that do not fit end with status 2, one message and no row."""
        config = json.loads((SHIPPED / "digits/config.json").read_text())
        (tmp_path / "m").mkdir()
        (tmp_path / "m/config.json").write_text(json.dumps(config | {"class_names": ["a", "b"]}))
        weights = open_model("digits").weights
        (tmp_path / "m/model.safetensors").write_bytes(weights)
        image = slide(tmp_path / "a.tif")
        out = tmp_path / "out"
        status, said = finished("jobs.classify", image, "--model", tmp_path / "m", "--out", out)

        assert status == 2, said
        assert "does not fit its config.json" in said
        assert "Traceback" not in said
        assert not list(out.glob("predictions/*"))
