"""A finished run without Ray: images walked by the reference, with the files that classify leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.image_record import ImageRecord
from pipeline.records.output import Output
from pipeline.records.result import conclude
from pipeline.records.run import Run, write_run
from pipeline.records.store.disk_store import DiskStore
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.walk import LookModel
from pipeline.walk.walk_plan import WalkPlan
from tests.reference_walk import walked


def write_walked_run(
    directory: Path,
    records: Sequence[ImageRecord],
    plan: WalkPlan,
    model: LookModel,
    *,
    class_names: tuple[str, ...],
    settings: Mapping[str, Any],
    place: str = "model",
) -> dict[str, list[Glimpse]]:
    """Write the run; returns the looks of each image, as the walk itself knows them."""
    store = DiskStore(directory)
    output = Output(store, class_names)
    output.prepare()
    glimpses = {}
    for record in records:
        with walked(record, plan, model) as image:
            output.commit(conclude(image, model, time.perf_counter()))
            glimpses[record.sample_id] = [look.glimpse for look in image.traversal.looks]
    run = Run(
        settings=settings,
        arguments=("foveate", "classify"),
        versions={},
        model=place,
        is_trained=True,
        started="2026-01-01T00:00:00+00:00",
        status="finished",
    )
    write_run(run, store)
    return glimpses
