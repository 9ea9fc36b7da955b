"""An archive on disk is what was planned, is gone on with, and is never mixed with another."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
import zarr

from jobs.archive_writing import write_archive
from pipeline.benchmarks.archive import ArchivePlan, plan_archive, write_image
from pipeline.benchmarks.digits import read_digits
from pipeline.benchmarks.scene import SceneLaw
from pipeline.benchmarks.sparse_pyramid import sparse_levels
from pipeline.errors import ResumeError, UsageError
from pipeline.images.opening import open_source
from pipeline.images.region import Region

DIGITS = read_digits("digits")
LAW = SceneLaw(canvas_px=600, num_noise=12)


def rows_of(manifest: Path) -> list[dict[str, str]]:
    """The rows of a CSV table."""
    return list(csv.DictReader(manifest.read_text().splitlines()))


class TestArchive:
    PLAN = ArchivePlan(law=LAW, num_train=10, num_test=4, validation=0.2, pad_to_px=640, tile_px=64)

    @pytest.mark.parametrize("kind", ["zarr", "tiff"])
    def test_files_hold_what_was_drawn(self, tmp_path: Path, kind: str) -> None:
        """zarr-python or tifffile, and our own reader, give back every level of the drawing."""
        plan = ArchivePlan(
            law=LAW, num_train=2, num_test=0, validation=0, pad_to_px=640, tile_px=64, format=kind
        )
        write_archive(plan, DIGITS, tmp_path / "a")
        [row, _] = rows_of(tmp_path / "a/manifest.csv")
        path = tmp_path / "a" / row["image_path"]
        [image, _] = plan_archive(plan, DIGITS)
        source = open_source(str(path))
        assert source.pyramid.bands == ("gray",)
        for index, level in enumerate(sparse_levels(image.drawing, 640)):
            side = level.side_px
            expected = level.region(Region(0, 0, side, side))
            if kind == "zarr":
                found = zarr.open_array(str(path / str(index)), mode="r")[:]
            else:
                found = tifffile.imread(path, series=0, level=index)
            np.testing.assert_array_equal(found, expected)
            assert (source.pyramid.levels[index].height, source.pyramid.levels[index].width) == (
                side,
                side,
            )
        source.close()

    def test_the_tables_say_what_was_planned(self, tmp_path: Path) -> None:
        """manifest.csv has all four labels and the splits; truth.parquet a row per digit."""
        write_archive(self.PLAN, DIGITS, tmp_path / "a")
        rows = rows_of(tmp_path / "a/manifest.csv")
        truth = pq.read_table(tmp_path / "a/truth.parquet").to_pylist()
        images = plan_archive(self.PLAN, DIGITS)

        assert Counter(row["split"] for row in rows) == {"train": 8, "validation": 2, "test": 4}
        for row, image in zip(rows, images, strict=True):
            assert row["label"] == row["label_majority"] == image.scene.label("majority")
            assert row["label_multi"] == image.scene.label("multi")
            mine = [one for one in truth if one["sample_id"] == row["sample_id"]]
            assert [(one["y_px"], one["x_px"], one["digit"]) for one in mine] == [
                (one.y_px, one.x_px, one.digit) for one in image.scene.digits
            ]

    def test_test_digits_were_never_trained_on(self) -> None:
        """The pictures of the two splits are different ones of scikit-learn's 1,797."""
        seen = {image.tobytes() for image in DIGITS.train.images}

        assert len(DIGITS.train.images) + len(DIGITS.test.images) == 1797
        assert not any(image.tobytes() in seen for image in DIGITS.test.images)

    def test_going_on_keeps_what_is_there(self, tmp_path: Path) -> None:
        """A second run writes only what is missing; other settings are refused by name."""
        write_archive(self.PLAN, DIGITS, tmp_path / "a")
        paths = sorted((tmp_path / "a/images").rglob("zarr.json"))
        before = {path: path.stat().st_mtime_ns for path in paths}
        write_archive(self.PLAN, DIGITS, tmp_path / "a")

        assert {path: path.stat().st_mtime_ns for path in paths} == before
        other = ArchivePlan(law=LAW, num_train=10, num_test=5, validation=0.2, pad_to_px=640)
        with pytest.raises(ResumeError, match="num_test: 4 there, 5 wanted"):
            write_archive(other, DIGITS, tmp_path / "a")

    def test_a_directory_of_something_else_is_refused(self, tmp_path: Path) -> None:
        """Nothing is written beside files that are no archive."""
        (tmp_path / "thesis.docx").write_text("mine")

        with pytest.raises(UsageError, match="holds no archive"):
            write_archive(self.PLAN, DIGITS, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]

    def test_a_huge_canvas_costs_what_is_on_it(self, tmp_path: Path) -> None:
        """98,304 x 98,304 pixels with five digits are eleven levels in less than a megabyte."""
        plan = ArchivePlan(
            law=SceneLaw(canvas_px=98_304, num_noise=0),
            num_train=0,
            num_test=1,
            pad_to_px=98_304,
        )
        write_archive(plan, DIGITS, tmp_path / "a")
        [path] = (tmp_path / "a/images/test").iterdir()

        source = open_source(str(path))
        assert [level.height for level in source.pyramid.levels] == [98_304 >> i for i in range(11)]
        assert sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) < 1 << 20
        source.close()

    @pytest.mark.parametrize(
        ("numbers", "message"),
        [
            ({"pad_to_px": 500}, "--pad-to 500"),
            ({"num_train": 0, "num_test": 0}, "nothing to make"),
            ({"validation": 1.0}, "--validation"),
            ({"tile_px": 100}, "--tile 100"),
            ({"pad_to_px": 1500}, "halves evenly down to 375 px only"),
            ({"seed": -1}, "--seed -1"),
            ({"pad_to_px": 32768, "law": replace(LAW, background="grain")}, "more than 16384"),
        ],
    )
    def test_bad_archives_too(self, numbers: dict[str, Any], message: str) -> None:
        """So is an archive of nothing, or of tiles that do not divide blocks."""
        with pytest.raises(UsageError, match=message):
            ArchivePlan(**{"law": LAW, **numbers})

    def test_an_archive_of_another_generator_is_refused(self, tmp_path: Path) -> None:
        """What an earlier version wrote, whose pixels were others, is never gone on with."""
        write_archive(self.PLAN, DIGITS, tmp_path / "a")
        record = tmp_path / "a/benchmark.json"
        record.write_text(record.read_text().replace('"generator": 2', '"generator": 1'))

        with pytest.raises(ResumeError, match="generator: 1 there, 2 wanted"):
            write_archive(self.PLAN, DIGITS, tmp_path / "a")

    @pytest.mark.parametrize("content", ["no json", "[]", '{"law": 3}'])
    def test_a_damaged_record_is_refused(self, tmp_path: Path, content: str) -> None:
        """A benchmark.json that says nothing is not written over."""
        (tmp_path / "benchmark.json").write_text(content)

        with pytest.raises(UsageError, match=r"give another --out"):
            write_archive(self.PLAN, DIGITS, tmp_path)

    def test_a_file_as_out_is_refused(self, tmp_path: Path) -> None:
        """--out must be a directory."""
        path = tmp_path / "out"
        path.write_text("mine")

        with pytest.raises(UsageError, match="holds no archive"):
            write_archive(self.PLAN, DIGITS, path)

    def test_an_unfinished_image_is_made_again(self, tmp_path: Path) -> None:
        """What a kill left of an image is no image, and gone after the next run."""
        write_archive(self.PLAN, DIGITS, tmp_path / "a")
        path = tmp_path / "a/images/test/test_00002.ome.zarr"
        whole = sorted(one.relative_to(path) for one in path.rglob("*"))
        path.rename(path.with_name(f".unfinished-{path.name}"))
        next(path.parent.glob(".unfinished-*/3/zarr.json")).unlink()
        write_archive(self.PLAN, DIGITS, tmp_path / "a")

        assert sorted(one.relative_to(path) for one in path.rglob("*")) == whole
        assert not list(path.parent.glob(".*"))

    def test_several_processes_write_what_one_would(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An archive of many images is the same, byte by byte, however many processes wrote it."""
        monkeypatch.setattr("jobs.archive_writing._FEW_PIXELS", 0)
        law = SceneLaw(canvas_px=128, num_digits=1, num_majority=1, num_noise=1)
        plan = ArchivePlan(law=law, num_train=40, num_test=0, pad_to_px=128, tile_px=64)
        write_archive(plan, DIGITS, tmp_path / "a")
        for image in plan_archive(plan, DIGITS):
            write_image(image, plan, tmp_path / "b")

        for path in (tmp_path / "b").rglob("*"):
            other = tmp_path / "a" / path.relative_to(tmp_path / "b")
            assert path.is_dir() or path.read_bytes() == other.read_bytes()
