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
from jobs.doctor import NUM_READERS, Finding, examine
from pipeline.image_record import ImageRecord
from pipeline.records.summary import readable_bytes
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces

_TIMED_BATCHES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Of one image."""

    looks: int
    """Most looks that the walk takes."""
    requests: int
    """Reads, if every look touched as many tiles as it can and shared none."""
    bytes_read: int | None
    """Header and those tiles, each as large as the mean tile of the finest level; None where no index says it."""


def forecast(found: Finding, model: ModelDirectory) -> Forecast:
    """From what the doctor found of an image that fits the model."""
    config = model.config
    tile_height, tile_width = (int(side) for side in str(found.tile).split("x"))
    height, width = found.height_px or 0, found.width_px or 0
    base = config.input.base_px
    windows = -(-height // base) * -(-width // base)
    budget = config.walk.budget
    looks = windows if budget is None else min(budget, max(1, 2 * windows))
    tiles = (-(-(base - 1) // tile_height) + 1) * (-(-(base - 1) // tile_width) + 1)
    stored = -(-height // tile_height) * -(-width // tile_width)
    requests = (found.header_requests or 0) + looks * tiles
    if found.full_scan_bytes is None:
        return Forecast(looks=looks, requests=requests, bytes_read=None)
    of_looks = (
        min(looks * tiles / stored, 1.4) * found.full_scan_bytes
    )  # all levels: 4/3 of the finest
    return Forecast(
        looks=looks, requests=requests, bytes_read=round(of_looks) + (found.header_bytes or 0)
    )


def dry_run(
    records: Sequence[ImageRecord], model: ModelDirectory, places: AllowedPlaces = EVERYWHERE
) -> int:
    """Print what would be read at most; returns the exit status that doctor would have."""
    examined = partial(examine, config=model.config, places=places)
    with ThreadPoolExecutor(NUM_READERS) as pool:
        findings = list(pool.map(examined, records))
    good = [found for found in findings if found.problem is None]
    for found in findings:
        if found.problem is not None:
            err.print(f"{found.sample_id}: {found.problem}", markup=False, style="red")
    forecasts = [forecast(found, model) for found in good]
    looks = sum(one.looks for one in forecasts)
    table = Table("", "at most", "a full scan")
    table.add_row("images", str(len(good)), str(len(good)))
    table.add_row("looks", f"{looks:,}", "")
    table.add_row("requests", f"{sum(one.requests for one in forecasts):,}", "")
    table.add_row(
        "bytes", _sum([f.bytes_read for f in forecasts]), _sum([f.full_scan_bytes for f in good])
    )
    table.add_row(
        "model time, one worker", f"{looks * _seconds_per_look(model):,.0f} s" if looks else "-", ""
    )
    out.print(table)
    out.print("nothing was read but headers, and nothing was written")
    return SOME_FAILED if len(good) < len(findings) else OK


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


def _sum(counts: Sequence[int | None]) -> str:
    known = [count for count in counts if count is not None]
    more = "" if len(known) == len(counts) else f" + {len(counts) - len(known)} unknown"
    return readable_bytes(sum(known)) + more
