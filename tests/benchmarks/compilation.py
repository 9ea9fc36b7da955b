"""What folding batch normalisation and compiling are worth, in looks of one processor, and when compiling pays."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from actors.model_directory import ModelDirectory
from actors.model_loading import CPU_BATCH_SIZE, load_runner, network_of
from actors.model_runner import ModelRunner
from pipeline.walk.glimpse import Position
from tests.benchmarks import archive
from tests.benchmarks.figure import Figure

NAMES = ("tnet_fmow", "tnet_imagenet", "tnet_small")
NUM_ROUNDS = 5
ROUND_S = 2.0


def figures() -> list[Figure]:
    """One for each network; a few minutes, most of it compiling."""
    return [_gain(name) for name in NAMES]


def _gain(name: str) -> Figure:
    model = archive.model(name)
    folded, compiled = load_runner(model), load_runner(model)
    started = time.perf_counter()
    compiled.compile(model.config.input.window_shape)
    compiling_s = time.perf_counter() - started
    runners = {"plain": _plain(model), "folded": folded, "compiled": compiled}
    calls = {kind: _call_of(model, runner) for kind, runner in runners.items()}
    rounds = [{kind: _seconds(call) for kind, call in calls.items()} for _ in range(NUM_ROUNDS)]
    each = {kind: statistics.median(one[kind] for one in rounds) for kind in calls}
    gains = {
        kind: statistics.median(one["plain"] / one[kind] for one in rounds)
        for kind in ("folded", "compiled")
    }
    saved = each["folded"] - each["compiled"]
    pays = f"pays from {compiling_s / saved:,.0f} looks a worker on" if saved > 0 else "never pays"
    return Figure(
        what=f"looks/s of {name} with batch normalisation folded, and compiled, of those as built",
        value=f"{gains['folded']:.2f}x, {gains['compiled']:.2f}x",
        wanted="not set",
        detail=", ".join(f"{kind} {1e3 * seconds:.2f} ms" for kind, seconds in each.items())
        + f" a look; compiling takes {compiling_s:.0f} s, {pays}",
    )


def _plain(model: ModelDirectory) -> ModelRunner:
    return ModelRunner(
        network_of(model),
        num_classes=len(model.config.class_names),
        device=torch.device("cpu"),
        batch_size=CPU_BATCH_SIZE,
    )


def _call_of(model: ModelDirectory, runner: ModelRunner) -> Callable[[], None]:
    shape = model.config.input.window_shape
    windows = list(np.random.default_rng(0).random((CPU_BATCH_SIZE, *shape), np.float32))
    places = [Position(0, 0, 0)] * CPU_BATCH_SIZE

    def call() -> None:
        runner.look(windows, places)

    call()
    return call


def _seconds(call: Callable[[], None]) -> float:
    """Of one look, by the wall clock, in a thread of its own as in the engine."""

    def repeat() -> float:
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < ROUND_S:
            call()
            count += 1
        return (time.perf_counter() - started) / (count * CPU_BATCH_SIZE)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(repeat).result()
