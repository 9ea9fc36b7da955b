"""foveate calibrate with real Ray processes: the rule is in the model, and classify goes by it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from actors.model_directory import SHIPPED, open_model
from jobs.calibrate import walks_of
from pipeline.image_record import ImageRecord
from pipeline.manifest import Manifest
from pipeline.records.finished_run import open_run
from tests.jobs.processes import finished
from tests.pipeline.evidence.runs import write_run

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(200)]


def archive(directory: Path, *, count: int = 60) -> Path:
    """Small images of nothing, half of them labelled 3, half 5."""
    path = directory / "manifest.csv"
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sample_id", "image_path", "label", "split"])
        for number in range(count):
            image = rng.integers(0, 80, (200, 200), np.uint8)
            tifffile.imwrite(directory / f"{number}.tif", image, tile=(64, 64))
            rows.writerow([f"s{number}", f"{number}.tif", "35"[number % 2], "validation"])
    return path


class TestCalibrate:
    def test_the_rule_is_written_and_obeyed(self, tmp_path: Path) -> None:
        """config.json gets a rule; of images where half of the answers are wrong nobody stops early for 95 %."""
        model = shutil.copytree(SHIPPED / "digits", tmp_path / "model")
        manifest = archive(tmp_path)
        before = open_model(str(model))
        status, said = finished(
            "jobs.calibrate", model, manifest, "--budget", "4", "--out", tmp_path / "walks"
        )
        after = open_model(str(model))

        assert status == 0, said
        rule = after.config.walk.stop_rule
        assert rule is not None
        assert rule.num_images == 60
        assert before.sha256 != after.sha256
        assert "right of those" in said
        options = ("--budget", "4", "--stop-at", "0.95", "--out", tmp_path / "out")
        status, said = finished("jobs.classify", manifest, "--model", model, *options)
        assert status == 0
        assert "not calibrated" not in said
        assert set(pd.read_parquet(tmp_path / "out" / "predictions").stop_reason) <= {
            "budget",
            "complete",
        }
        settings = json.loads((tmp_path / "out" / "run.json").read_text())["settings"]
        assert settings["walk.stop_rule"]["num_images"] == 60

    def test_rows_without_label_and_wrong_splits_are_refused(self, tmp_path: Path) -> None:
        """Before anything is read, with what there is."""
        model = shutil.copytree(SHIPPED / "digits", tmp_path / "model")
        manifest = archive(tmp_path, count=2)
        good = manifest.read_text()
        for label, asked, problem in (
            (",3,", ["--split", "test"], "no row of the split 'test'; there are validation"),
            (",,", [], "s0 has no label"),
            (",cat,", [], "s0: its label 'cat' is no class of the model"),
            (",3,", [], "2 labelled images to calibrate on; at least 50"),
        ):
            manifest.write_text(good.replace(",3,", label))
            status, said = finished(
                "jobs.calibrate", model, manifest, *asked, "--out", tmp_path / "w"
            )
            assert status == 2
            assert problem in said
        status, said = finished("jobs.calibrate", model, "s3://bucket/gone.csv", "--out", "w")
        assert "s3://bucket/gone.csv" in said  # not a file s3:/bucket/gone.csv
        assert not (tmp_path / "w").exists()


def test_only_the_images_of_the_list_teach(tmp_path: Path) -> None:
    """Walks of other images that lie in the directory do not count, and labels are those of the list now."""
    run = open_run(write_run(tmp_path / "w", ["a", "b", "c"]))
    other = {"cat": "dog", "dog": "cat"}
    said = {image.sample_id: str(image.label) for image in run.images()}
    records = tuple(
        ImageRecord(sample_id=name, image_path=f"{name}.tif", label=label)
        for name, label in (("a", said["a"]), ("c", other[said["c"]]))
    )
    walks = list(walks_of(run.images(), Manifest(records=records)))

    assert [bool(walk.is_right[-1]) for walk in walks] == [True, False]
