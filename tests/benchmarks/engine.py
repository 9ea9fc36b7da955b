"""The engine against the model alone, and Ray against the engine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actors.classify_actor import ActorConfig
from actors.distribution import classify_on_ray
from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_directory import ModelDirectory
from actors.model_loading import load_runner
from actors.model_runner import ModelRunner
from actors.worker_process import keep_loaded, settle_in
from actors.workers import Workers
from jobs.cluster import connected
from pipeline.image_record import ImageRecord
from pipeline.records.output import Output
from pipeline.records.store.disk_store import DiskStore
from pipeline.walk.glimpse import Observation, Position
from pipeline.walk.root_scan import unscored
from tests.benchmarks import archive
from tests.benchmarks.figure import Figure

NUM_IMAGES = 200
SKIPPED = 40
NUM_ROUNDS = 3
CORES = 2


class Recorder:
    """A runner that keeps the windows it was shown."""

    def __init__(self, runner: ModelRunner) -> None:
        self._runner = runner
        self.batch_size = runner.batch_size
        self.num_lanes = runner.num_lanes
        self.windows: list[NDArray[np.float32]] = []
        self.positions: list[Position] = []

    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        self.windows += windows
        self.positions += positions
        return self._runner.look(windows, positions)

    score_roots = staticmethod(unscored)

    def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._runner.combine(kept)

    def alone(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._runner.alone(kept)


def figures() -> list[Figure]:
    """Both ratios for the paper's network, and the first for the small one."""
    settle_in()
    keep_loaded()
    records = archive.slides(NUM_IMAGES)
    model = archive.model("tnet_fmow")
    own, engine = _engine_and_own_rate(model, records)
    rounds = [
        (_ray_rate(model, records), _rate_after_start(model, records)) for _ in range(NUM_ROUNDS)
    ]
    ray, in_process = (float(np.median(rates)) for rates in zip(*rounds, strict=True))
    small_own, small = _engine_and_own_rate(archive.model("tnet_small"), records)
    return [
        Figure(
            what="engine, 200 images of 8192^2, 9 looks (EfficientNet-B0), of the model's own rate",
            value=f"{engine / own:.2f}",
            wanted="0.85, reach 0.95",
            detail=f"{engine:.2f} images/s; the same windows from memory {own:.2f}",
        ),
        Figure(
            what="the same through Ray, one actor, after start-up, of the engine in process",
            value=f"{ray / in_process:.2f}",
            wanted="0.9, reach 0.97",
            detail=f"{ray:.2f} images/s against {in_process:.2f}, both from the {SKIPPED}th result on",
        ),
        Figure(
            what="engine with tnet_small (0.2 ms a look: reading is the work)",
            value=f"{small / small_own:.2f}",
            wanted="not set",
            detail=f"{small:.1f} images/s; the same windows from memory {small_own:.1f}",
        ),
    ]


def _engine_and_own_rate(model: ModelDirectory, records: list[ImageRecord]) -> tuple[float, float]:
    """Images/s of the model on windows in memory and of the engine; in turn, medians of three."""
    runner = load_runner(model, num_threads=CORES)
    recorder = Recorder(runner)
    plan = model.config.plan
    with Engine(plan, recorder, EngineConfig()) as engine:
        for _ in engine.classify(records[:60]):
            pass
    own, engines = [], []
    for _ in range(NUM_ROUNDS):
        with Engine(plan, runner, EngineConfig()) as engine:
            engines.append(_rate(engine.classify(records)))
        own.append(_own_rate(recorder, runner))
    return float(np.median(own)), float(np.median(engines))


def _own_rate(recorder: Recorder, runner: ModelRunner) -> float:
    size, count = runner.batch_size, len(recorder.windows)
    batches = [slice(first, first + size) for first in range(0, count - size + 1, size)]
    started = time.perf_counter()
    with ThreadPoolExecutor(runner.num_lanes) as lanes:
        calls = [
            lanes.submit(runner.look, recorder.windows[batch], recorder.positions[batch])
            for batch in batches
        ]
        for call in calls:
            call.result()
    return len(batches) * size / 9 / (time.perf_counter() - started)


def _ray_rate(model: ModelDirectory, records: list[ImageRecord]) -> float:
    out = Path("runs/bench/out").absolute()
    shutil.rmtree(out, ignore_errors=True)
    Output(DiskStore(out), model.config.class_names).prepare()
    config = ActorConfig(
        model=model, store=DiskStore(out), engine=EngineConfig(), num_threads=CORES
    )
    with connected(None):
        workers = Workers(count=1, num_cpus=CORES, num_gpus=0)
        return _rate(classify_on_ray(records, config, workers), skipped=SKIPPED)


def _rate_after_start(model: ModelDirectory, records: list[ImageRecord]) -> float:
    """The engine in process, writing its tables as through Ray."""
    output = Output(DiskStore(Path("runs/bench/in_process").absolute()), model.config.class_names)
    output.prepare()
    runner = load_runner(model, num_threads=CORES)
    with Engine(model.config.plan, runner, EngineConfig(), sink=output.commit) as engine:
        return _rate(engine.classify(records), skipped=SKIPPED)


def _rate(results: Iterable[object], *, skipped: int = 0) -> float:
    """Results per second, from the start or from the `skipped`-th result, to the last."""
    times = [time.perf_counter(), *(time.perf_counter() for _ in results)]
    return (len(times) - 1 - skipped) / (times[-1] - times[skipped])
