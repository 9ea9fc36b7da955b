"""A full scan of one image by one engine, as a worker runs it, without Ray: its time, and its memory as it goes.

`python -m tests.benchmarks.full_scan IMAGE [--model digits] [--still] [--minutes 25] [--set walk.roots=grid ...]`

With --set it is the model's own walk, changed like that, instead of a full scan.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_directory import open_model
from actors.model_loading import load_runner
from actors.model_runner import ModelRunner
from actors.worker_process import keep_loaded, settle_in
from jobs.classify import parse_changes
from pipeline.image_record import ImageRecord
from pipeline.records.output import Output
from pipeline.records.result import ImageResult
from pipeline.records.store.disk_store import DiskStore
from pipeline.walk.glimpse import Observation, Position
from pipeline.walk.walk import LookModel

FULL_SCAN = {"walk.selection": "full_scan", "walk.budget": None, "walk.stop_at": None}
TELL_S = 60.0
"""How often it says where it stands."""


class StillNetwork:
    """Says nothing of anything at once, and combines as a model does: what is left is reading, walking and writing."""

    def __init__(self, runner: ModelRunner, num_kept: int) -> None:
        self.batch_size, self.num_lanes = runner.batch_size, runner.num_lanes
        self.combine, self.score_roots = runner.combine, runner.score_roots
        self._num_kept = num_kept

    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        """Zeros."""
        kept = np.zeros((len(positions), self._num_kept), np.float32)
        return [Observation(row, np.zeros(0, np.float32)) for row in kept[: len(windows)]]


def scan(
    image: Path, model_name: str, changes: Mapping[str, Any], *, is_still: bool, minutes: float
) -> None:
    """Print a line a minute and one at the end."""
    settle_in()
    model = open_model(model_name).with_changes(changes)
    runner = load_runner(model, num_threads=os.cpu_count() or 1)
    spec = model.config.input
    network: LookModel = StillNetwork(runner, _num_kept(runner, spec.num_bands, spec.base_px))
    if not is_still:
        network = runner
    keep_loaded()
    loaded_mb = _memory_mb()
    print(f"{loaded_mb:.0f} MB before the image is opened", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        output = Output(DiskStore(Path(directory)), model.config.class_names)
        output.prepare()
        engine = Engine(model.config.plan, network, EngineConfig(), sink=output.commit)
        promise = engine.submit(ImageRecord(sample_id=image.name, image_path=str(image)))
        _watch(engine, promise, minutes * 60)


def _watch(engine: Engine, promise: Future[ImageResult], limit_s: float) -> None:
    started, peak_mb, told_s = time.monotonic(), 0.0, 0.0
    while not promise.done():
        wait([promise], timeout=0.2)
        seconds = time.monotonic() - started
        peak_mb = max(peak_mb, _memory_mb())
        if seconds - told_s >= TELL_S or promise.done():
            told_s = seconds
            print(
                f"{seconds:.0f} s, {time.process_time():.0f} s of processors: {engine.activity.looks} looks, "
                f"{_memory_mb():.0f} MB, at most {peak_mb:.0f} MB",
                flush=True,
            )
        if seconds > limit_s:
            print("broken off", flush=True)
            os._exit(1)
    outcome = promise.result().outcome
    print(f"{type(outcome).__name__}: {len(promise.result().glimpses)} looks", flush=True)
    engine.close()


def _num_kept(runner: ModelRunner, num_bands: int, base_px: int) -> int:
    """R of this model, by asking it."""
    window = np.zeros((num_bands, base_px, base_px), np.float32)
    [observation] = runner.look([window], [Position(0, 0, 0)])
    return len(observation.kept)


def _memory_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--model", default="digits")
    parser.add_argument("--still", action="store_true", help="a network that costs nothing")
    parser.add_argument("--minutes", type=float, default=25.0, help="broken off then")
    parser.add_argument("--set", action="append", default=[], help="as of foveate classify")
    given = parser.parse_args()
    torch.set_num_threads(1)
    changes = parse_changes(given.set) or FULL_SCAN
    scan(given.image, given.model, changes, is_still=given.still, minutes=given.minutes)


if __name__ == "__main__":
    _main()
