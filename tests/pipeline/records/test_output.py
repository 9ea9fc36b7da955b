"""Rules of the output directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.image_record import ImageRecord
from pipeline.images.pyramid import Level, PixelSize, Pyramid
from pipeline.images.region import Region
from pipeline.records.glimpse_rows import GlimpseRow
from pipeline.records.ledger import LevelCost
from pipeline.records.output import Output
from pipeline.records.result import Failure, ImageResult, Prediction
from pipeline.records.running_cost import CostSoFar
from pipeline.records.schemas import TABLES
from pipeline.records.store.disk_store import DiskStore
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint
from pipeline.walk.glimpse import Glimpse, Position

CLASSES = ("cat", "dog")


def result(sample_id: str, *, looks: int = 2, label: int = 1) -> ImageResult:
    """A made-up result."""
    glimpse = Glimpse(
        position=Position(0, 0, 0),
        region=Region(1, 2, 30, 40),
        parent=None,
        score=0.0,
        cell_log_prob=0.0,
    )
    rows = tuple(
        GlimpseRow(
            order=order,
            wave=order,
            glimpse=glimpse,
            level=0,
            class_index_so_far=label,
            confidence_so_far=0.75,
            class_index_alone=label,
            confidence_alone=0.5,
            cost_so_far=CostSoFar(
                transferred_bytes=100 * order,
                requested_bytes=90 * order,
                requests=order,
                tiles=order,
                pixels=order,
                native_pixels=0,
            ),
            status="ok",
            error=None,
        )
        for order in range(looks)
    )
    cost = LevelCost(
        level=0,
        tiles_total=9,
        tiles_read=2,
        pixels_total=900,
        pixels_read=100,
        acquisition=Acquisition(
            requested_bytes=10, transferred_bytes=20, num_requests=3, seconds=0.5
        ),
        full_scan_bytes=1000,
    )
    return ImageResult(
        outcome=Prediction(
            record=ImageRecord(sample_id=sample_id, image_path=f"/{sample_id}.tif", label="cat"),
            status="ok",
            class_index=label,
            probabilities=np.array([0.25, 0.75] if label else [0.75, 0.25]),
            num_glimpses=looks,
            stop_reason="budget",
            height_px=100,
            width_px=200,
            bytes_read=20,
            full_scan_bytes=1000,
            seconds=1.5,
            fingerprint=Fingerprint(5, 6),
            error=None,
        ),
        glimpses=rows,
        ledger=(cost,),
        pyramid=Pyramid(
            uri=f"/{sample_id}.tif",
            format="geotiff",
            levels=(Level(100, 200, 64, 64, 1.0, 1.0),),
            dtype="uint8",
            bands=("red", "green"),
            pixel_size=PixelSize(10.0, 20.0, "m"),
            nodata=0.0,
            crs="EPSG:32618",
            transform=(20.0, 0.0, 5e5, 0.0, -10.0, 4e6),
            metadata=(("Model", "a"), ("Scanner", "b")),
        ),
    )


def made(tmp_path: Path, *sample_ids: str) -> Output:
    """A directory with some images committed."""
    output = Output(DiskStore(tmp_path), CLASSES)
    output.prepare()
    for sample_id in sample_ids:
        output.commit(result(sample_id))
    return output


class TestOutput:
    def test_pandas_reads_each_directory_as_one_table(self, tmp_path: Path) -> None:
        """Other tools read the directories as tables, before and after compaction."""
        output = made(tmp_path, "a", "b", "c")
        before = {table: pd.read_parquet(tmp_path / table) for table in TABLES}
        output.compact()

        assert sorted(before["predictions"]["sample_id"]) == ["a", "b", "c"]
        for table, rows in before.items():
            after = pd.read_parquet(tmp_path / table)
            keys = [name for name in ("sample_id", "order", "level") if name in rows]
            pd.testing.assert_frame_equal(
                after.sort_values(keys, ignore_index=True),
                rows.sort_values(keys, ignore_index=True),
            )

    @pytest.mark.parametrize("what", ["output.compact()", "output.read('glimpses')"])
    def test_memory_does_not_grow_with_the_number_of_parts(self, tmp_path: Path, what: str) -> None:
        """2,000 parts of a row or two take less than 30 MB to gather; held one by one they take 120 to 200."""
        output = made(tmp_path, "a")
        for table in TABLES:
            [part] = (tmp_path / table).iterdir()
            for number in range(2000):
                os.link(part, part.with_name(f"part-{number}.parquet"))
        code = f"""
import resource
from pathlib import Path
from pipeline.records.output import Output
from pipeline.records.store.disk_store import DiskStore
output = Output(DiskStore(Path({str(tmp_path)!r})), {CLASSES!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{what}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
        command = [sys.executable, "-c", code]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)

        assert int(said.stdout) < 30 * 1024
        assert len(output.read("glimpses")) == 2 * 2001

    def test_committing_again_overwrites(self, tmp_path: Path) -> None:
        """An image that is classified twice has the rows of the second time only."""
        output = made(tmp_path, "a")
        output.commit(result("a", looks=5, label=0))

        assert output.read("predictions")["label"].to_pylist() == ["cat"]
        assert len(output.read("glimpses")) == 5

    def test_dropped_images_leave_all_tables(self, tmp_path: Path) -> None:
        """Dropping removes the rows of an image from compacted tables too, and of no other."""
        output = made(tmp_path, "a", "b", "c")
        output.compact()
        output.drop({"b"})

        for table in TABLES:
            assert set(output.read(table)["sample_id"].to_pylist()) == {"a", "c"}

    @pytest.mark.parametrize("is_compacted", [False, True])
    def test_an_image_without_a_prediction_is_known(
        self, tmp_path: Path, is_compacted: bool
    ) -> None:
        """Whose process was killed before its prediction: dropped and done again, it has its rows once."""
        output = made(tmp_path, "a", "b")
        [lost] = [
            part
            for part in (tmp_path / "predictions").iterdir()
            if pd.read_parquet(part)["sample_id"].tolist() == ["b"]
        ]
        lost.unlink()
        if is_compacted:  # as an interrupted run does
            output.compact()
        assert output.sample_ids() == {"a", "b"}

        output.drop({"b"})
        output.commit(result("b", looks=3))
        looks = output.read("glimpses").to_pandas()
        assert looks.groupby("sample_id").size().to_dict() == {"a": 2, "b": 3}

    def test_parted_images_keep_their_rows_and_are_replaced_alone(self, tmp_path: Path) -> None:
        """Taken out of the large files, rows are the same; a new result then replaces one image's and no other's."""
        output = made(tmp_path, "a", "b", "c")
        output.commit(result("b", looks=7))
        output.compact()
        keys = {"predictions": ["sample_id"], "glimpses": ["sample_id", "order"]}
        before = {t: output.read(t).to_pandas().sort_values(by) for t, by in keys.items()}
        output.part({"b", "c", "nobody"})
        for table, by in keys.items():
            after = output.read(table).to_pandas().sort_values(by)
            pd.testing.assert_frame_equal(
                after.reset_index(drop=True), before[table].reset_index(drop=True)
            )
        output.commit(result("b", looks=1, label=0))

        looks = output.read("glimpses").to_pandas().groupby("sample_id").size()
        labels = output.read("predictions").to_pandas().set_index("sample_id")["label"]
        assert looks.to_dict() == {"a": 2, "b": 1, "c": 2}
        assert labels.to_dict() == {"a": "dog", "b": "cat", "c": "dog"}

    @pytest.mark.parametrize("table", TABLES)
    def test_killed_between_renames_loses_nothing(self, tmp_path: Path, table: str) -> None:
        """A compaction killed after moving the old table away is finished by the next run."""
        output = made(tmp_path, "a", "b")
        rows = output.read(table).sort_by("sample_id")
        (tmp_path / table).rename(tmp_path / f"{table}.new")
        output.prepare()

        assert output.read(table).sort_by("sample_id") == rows

    def test_killed_while_writing_doubles_nothing(self, tmp_path: Path) -> None:
        """A compaction killed while it wrote is undone, and unfinished parts are removed."""
        output = made(tmp_path, "a", "b")
        (tmp_path / "predictions.new").mkdir()
        (tmp_path / "predictions.new/rows.parquet").write_bytes(b"half")
        (tmp_path / "predictions/.part-x.parquet.1.tmp").write_bytes(b"half")
        output.prepare()

        assert len(output.read("predictions")) == 2
        assert not list(tmp_path.glob("**/*.tmp"))
        assert not (tmp_path / "predictions.new").exists()

    def test_a_failed_image_has_a_row(self, tmp_path: Path) -> None:
        """A failure is written with its error and without a label."""
        output = made(tmp_path)
        record = ImageRecord(sample_id="x", image_path="/x.tif")
        output.commit(ImageResult(outcome=Failure(record=record, error="broken", seconds=0.1)))
        [row] = output.read("predictions").to_pylist()

        assert (row["status"], row["error"], row["label"]) == ("failed", "broken", None)
        assert row["prob_cat"] is None
