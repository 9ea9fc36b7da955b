"""What a run would cost, said before it starts: images are opened, no pixel is read, nothing is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from rich.table import Table

from actors.model_directory import ModelDirectory
from jobs.console import OK, SOME_FAILED, err, out
from jobs.doctor import NUM_READERS
from pipeline.budget.archive_budget import ArchiveBudget
from pipeline.errors import ImageError
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import fit_bands
from pipeline.images.opening import open_source
from pipeline.records.summary import readable_bytes
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces
from pipeline.walk.forecast import Forecast, forecast
from pipeline.walk.walk_plan import described

_TIMED_BATCHES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What is known of an image before a run."""

    sample_id: str
    """Which image."""
    most: Forecast | None = None
    """What its walk reads; None where it cannot be classified."""
    full_scan_bytes: int | None = None
    """Encoded bytes of the finest level; None where no index says it."""
    problem: str | None = None
    """Why it cannot be classified."""


def foresee(record: ImageRecord, model: ModelDirectory, places: AllowedPlaces) -> Foreseen:
    """Open one image and close it again."""
    plan = model.config.plan
    try:
        source = open_source(record.image_path, places)
        try:
            pyramid = described(source.pyramid, record)
            fit_bands(plan.spec, pyramid)
            return Foreseen(
                sample_id=record.sample_id,
                most=forecast(source, pyramid, plan),
                full_scan_bytes=source.scan_bytes(0),
            )
        finally:
            source.close()
    except ImageError as error:
        return Foreseen(sample_id=record.sample_id, problem=str(error))


def dry_run(
    records: Sequence[ImageRecord],
    model: ModelDirectory,
    places: AllowedPlaces = EVERYWHERE,
    archive_budget: ArchiveBudget | None = None,
) -> int:
    """Print what would be read at most; returns the exit status that doctor would have."""
    with ThreadPoolExecutor(NUM_READERS) as pool:
        found = list(pool.map(partial(foresee, model=model, places=places), records))
    for one in found:
        if one.problem is not None:
            err.print(f"{one.sample_id}: {one.problem}", style="red")
    good = [one for one in found if one.problem is None]
    most = [one.most for one in good if one.most is not None]
    looks = _bounded(sum(one.looks for one in most), "looks", archive_budget)
    table = Table("", "at most", "a full scan")
    table.add_row("images", str(len(good)), str(len(good)))
    table.add_row("looks", f"{looks:,}", "")
    table.add_row("requests", f"{sum(one.requests for one in most):,}", "")
    table.add_row(
        "bytes",
        _sum([one.bytes_read for one in most], archive_budget),
        _sum([one.full_scan_bytes for one in good]),
    )
    table.add_row(
        "model time, one worker", f"{looks * _seconds_per_look(model):,.0f} s" if looks else "-", ""
    )
    out.print(table)
    out.print("nothing was read but headers, and nothing was written")
    return SOME_FAILED if len(good) < len(found) else OK


def _bounded(count: int, unit: str, budget: ArchiveBudget | None) -> int:
    """What the archive's budget leaves of it."""
    return count if budget is None or budget.unit != unit else min(count, budget.amount)


def _seconds_per_look(model: ModelDirectory) -> float:
    """Of the network on this machine, by a few batches of nothing."""
    from actors.model_loading import load_runner  # not above: it loads torch
    from pipeline.walk.glimpse import Position

    runner = load_runner(model, num_threads=1)
    side, bands = model.config.input.base_px, model.config.input.num_bands
    windows = [np.zeros((bands, side, side), np.float32)] * runner.batch_size
    positions = [Position(0, 0, 0)] * runner.batch_size
    runner.look(windows, positions)
    start = time.perf_counter()
    for _ in range(_TIMED_BATCHES):
        runner.look(windows, positions)
    return (time.perf_counter() - start) / (_TIMED_BATCHES * runner.batch_size)


def _sum(counts: Sequence[int | None], budget: ArchiveBudget | None = None) -> str:
    known = [count for count in counts if count is not None]
    unknown = len(counts) - len(known)
    if unknown and budget is not None and budget.unit == "bytes":
        return readable_bytes(budget.amount)
    more = f" + {unknown} unknown" if unknown else ""
    return readable_bytes(_bounded(sum(known), "bytes", budget)) + more
