"""Rules of resuming."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import ResumeError
from pipeline.image_record import ImageRecord
from pipeline.images.pyramid import PixelSize
from pipeline.records.result import failed
from pipeline.records.resume import (
    COLUMNS,
    FinishedImage,
    finished_images,
    plan_resumption,
)
from pipeline.records.run import refuse_other_settings, seconds_before
from pipeline.records.store.disk_store import DiskStore
from pipeline.records.tables import tables_of
from pipeline.storage.fingerprint import Fingerprint

RECORDS = tuple(ImageRecord(sample_id=name, image_path=f"/{name}") for name in "abcd")
NOW = {f"/{name}": Fingerprint(10, 1) for name in "abc"}


class TestPlanResumption:
    def test_only_unchanged_classified_images_are_skipped(self) -> None:
        """A is done; b's file changed; c failed before; d was never tried and is gone."""
        finished = {
            "a": FinishedImage("/a", Fingerprint(10, 1)),
            "b": FinishedImage("/b", Fingerprint(10, 0)),
        }
        plan = plan_resumption(RECORDS, ["a", "b", "c"], finished, NOW.get)

        assert [record.sample_id for record in plan.to_do] == ["b", "c", "d"]
        assert plan.to_drop == {"b", "c"}
        assert plan.num_skipped == 1

    def test_a_moved_image_is_another_image(self) -> None:
        """An id whose path changed is classified again."""
        finished = {"a": FinishedImage("/elsewhere/a", Fingerprint(10, 1))}
        plan = plan_resumption(RECORDS[:1], ["a"], finished, NOW.get)

        assert plan.to_drop == {"a"}

    @pytest.mark.parametrize(
        "changed",
        [
            {"pixel_size": PixelSize(0.5, 0.5, "um")},
            {"pixel_size": PixelSize(0.25, 0.25, "m")},
            {"pixel_size": None},
            {"mask_path": "/other.png"},
            {"mask_path": None},
        ],
    )
    def test_what_decides_where_walks_look_must_be_the_same(
        self, changed: dict[str, PixelSize | str | None]
    ) -> None:
        """Another pixel size or mask makes an answer out of date; what tables keep of both is enough to tell."""
        told = {"pixel_size": PixelSize(0.25, 0.25, "um"), "mask_path": "/mask.png"}
        before, now = (replace(RECORDS[0], **each) for each in (told, told | changed))
        result = failed(before, ValueError("none"), 0.0)
        row = {
            **tables_of(result, ["x", "y"])["predictions"].to_pylist()[0],
            "status": "ok",
            "source_size_bytes": 10,
            "source_modified_ns": 1,
        }
        finished = finished_images(pa.Table.from_pylist([row]))

        assert plan_resumption([before], ["a"], finished, NOW.get).num_skipped == 1
        assert plan_resumption([now], ["a"], finished, NOW.get).to_drop == {"a"}


class TestFinishedImages:
    def test_failed_images_are_not_finished_and_degraded_ones_if_asked(self) -> None:
        """Every status counts as finished but those that are tried again."""
        columns = {name: ["x"] * 3 for name in COLUMNS} | {
            "sample_id": ["a", "b", "c"],
            "status": ["ok", "degraded", "failed"],
            "source_size_bytes": [1, 2, 3],
            "source_modified_ns": [4, 5, 6],
            "mpp": [None] * 3,
            "pixel_size_m": [None] * 3,
            "mask_path": [None] * 3,
        }
        predictions = pa.table(columns)

        assert sorted(finished_images(predictions)) == ["a", "b"]
        again = finished_images(predictions, tried_again=("failed", "degraded"))
        assert again == {"a": FinishedImage("x", Fingerprint(1, 4, "x"))}


class TestSecondsBefore:
    def test_runs_into_a_directory_add_up(self, tmp_path: Path) -> None:
        """None yet, then what the last run wrote, which holds those before it."""
        store = DiskStore(tmp_path)
        assert seconds_before(store) == 0.0
        (tmp_path / "run.json").write_text(json.dumps({"settings": {}, "seconds": 12.5}))

        assert seconds_before(store) == 12.5


class TestRefuseOtherSettings:
    def test_names_every_setting_that_differs(self, tmp_path: Path) -> None:
        """The error lists each differing setting with both values, and no other."""
        settings = {"model.sha256": "x", "walk.budget": 9, "walk.grid": 3}
        (tmp_path / "run.json").write_text(json.dumps({"settings": settings}))
        with pytest.raises(ResumeError) as caught:
            refuse_other_settings(
                DiskStore(tmp_path), settings | {"walk.budget": 5, "walk.wave": 2}
            )

        text = str(caught.value)
        assert "walk.budget: 9 then, 5 now" in text
        assert "walk.wave: None then, 2 now" in text
        assert "grid" not in text

    def test_same_settings_are_an_earlier_run(self, tmp_path: Path) -> None:
        """Tuples and lists of the same values are the same settings."""
        (tmp_path / "run.json").write_text(json.dumps({"settings": {"k": [2, 1]}}))

        assert refuse_other_settings(DiskStore(tmp_path), {"k": (2, 1)})
        assert not refuse_other_settings(DiskStore(tmp_path / "new"), {"k": (2, 1)})

    def test_a_setting_that_is_younger_than_the_run(self, tmp_path: Path) -> None:
        """A run of an older version goes on where the new setting says what held then, and only there."""
        (tmp_path / "run.json").write_text(json.dumps({"settings": {"k": 1}}))
        store = DiskStore(tmp_path)

        assert refuse_other_settings(store, {"k": 1, "new": 5}, {"new": 5})
        with pytest.raises(ResumeError, match="new: 5 then, 6 now"):
            refuse_other_settings(store, {"k": 1, "new": 6}, {"new": 5})

    def test_an_unreadable_run_is_refused(self, tmp_path: Path) -> None:
        """A broken run.json is not overwritten."""
        (tmp_path / "run.json").write_text("{")
        with pytest.raises(ResumeError, match="cannot be read"):
            refuse_other_settings(DiskStore(tmp_path), {})
