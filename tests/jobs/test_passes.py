"""Passes with one budget, and what becomes of rows in them; nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from jobs.passes import Passes, forget_rows, spent_of
from pipeline.budget.archive_budget import ArchiveBudget
from pipeline.image_record import ImageRecord
from pipeline.images.region import Region
from pipeline.records.output import Output
from pipeline.records.result import ImageResult, Prediction
from pipeline.records.store.disk_store import DiskStore
from pipeline.records.walk_memory import WalkMemory
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint
from pipeline.walk.allowance import Allowance
from pipeline.walk.glimpse import Observation, Position
from pipeline.walk.remembered_walk import RememberedLook, RememberedWalk

BUDGET = ArchiveBudget(amount=1000, unit="bytes")
RECORDS = [ImageRecord(sample_id=name, image_path=f"/{name}.tif") for name in "abc"]


def predicted(record: ImageRecord, *, num_bytes: int = 200) -> ImageResult:
    """A walk that its share ended."""
    return ImageResult(
        outcome=Prediction(
            record=record,
            status="ok",
            class_index=1,
            probabilities=np.array([0.4, 0.6]),
            num_glimpses=3,
            stop_reason="archive_budget",
            height_px=100,
            width_px=100,
            bytes_read=num_bytes,
            full_scan_bytes=9000,
            seconds=0.1,
            fingerprint=Fingerprint(5, 6),
            error=None,
        )
    )


def finished_run(directory: Path) -> Output:
    """Of three images, compacted."""
    output = Output(DiskStore(directory), ("x", "y"))
    output.prepare()
    for record in RECORDS:
        output.commit(predicted(record))
    output.compact()
    return output


class TestPutOff:
    def test_images_that_were_taken_up_in_vain_keep_their_rows(self, tmp_path: Path) -> None:
        """What is left of a budget is given out once more; where it does not suffice, nothing changes."""
        output = finished_run(tmp_path)
        before = output.read("predictions").sort_by("sample_id")
        asked: list[str] = []

        def put_off(
            records: Sequence[ImageRecord], _allowances: Mapping[str, Allowance], _title: str
        ) -> float:
            asked.extend(record.sample_id for record in records)
            return 0.0

        Passes(BUDGET, output, RECORDS, most_looks=None, is_merged=True).run([], put_off)

        assert asked
        assert output.read("predictions").sort_by("sample_id") == before
        assert spent_of(BUDGET, output) == 600

    def test_images_that_go_on_have_one_row(self, tmp_path: Path) -> None:
        """A further walk's row takes the place of the one before, and its cost, which holds the other, counts once."""
        output = finished_run(tmp_path)

        def go_on(
            records: Sequence[ImageRecord], _allowances: Mapping[str, Allowance], _title: str
        ) -> float:
            for record in records:
                walked = predicted(record, num_bytes=300)
                ended = replace(walked.outcome, stop_reason="budget")
                output.commit(replace(walked, outcome=ended))
            return 0.0

        Passes(BUDGET, output, RECORDS, most_looks=None, is_merged=True).run([], go_on)
        rows = output.read("predictions").to_pandas()

        assert sorted(rows["sample_id"]) == ["a", "b", "c"]
        assert spent_of(BUDGET, output) == rows["bytes_read"].sum()


class TestForgetRows:
    def test_an_image_that_is_begun_anew_is_not_remembered(self, tmp_path: Path) -> None:
        """Its row's cost stays spent; a walk taken up from memory would count it again, and its failed tiles stay."""
        output = finished_run(tmp_path)
        walks = WalkMemory(output.store)
        look = RememberedLook(
            region=Region(0, 0, 10, 10),
            observation=Observation(np.zeros(2, np.float32), np.zeros(0, np.float32)),
            level=0,
            num_failed_tiles=0,
        )
        walk = RememberedWalk(
            fingerprint=Fingerprint(5, 6),
            header=Acquisition(transferred_bytes=200),
            looks={Position(0, 0, 0): look},
            failed_looks={},
            tiles={},
            failed_tiles={},
            opening_tiles=frozenset(),
        )
        for name in "ab":
            walks.keep(name, walk)
        forget_rows(BUDGET, output, {"a"})
        output.drop({"a"})

        assert walks.recall("a") is None
        assert walks.recall("b") is not None
        assert spent_of(BUDGET, output) == 600
