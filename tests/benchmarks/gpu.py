"""All that a GPU is asked for, in one call and without Ray: rates, busy share, TNet's gain, AttentionRNN's cost.

    python -m tests.benchmarks.gpu [--device cuda] [--batch 64] [--seconds 10]

Prints tables for BENCHMARKS.md. On a CPU it runs, too, with less to say.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from actors.model_directory import Precision
from actors.model_runner import ModelRunner
from actors.precision import allow_tf32, use
from models.architecture import ARCHITECTURES
from models.build import build_model
from models.errors import ModelError
from models.folding import fold_norms
from models.tnet import TNet
from pipeline.walk.glimpse import Position
from tests.benchmarks import attention
from tests.benchmarks.figure import Figure, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """TNet and the full-image network that its paper compares it with."""

    tnet: str
    """Name of the walking network."""
    waves: tuple[int, ...]
    """Windows of each image, wave after wave."""
    baseline: str
    """Name of the other."""
    side_px: int
    """Of the image that it sees whole."""
    paper: str
    """What the paper says of time and memory."""


PAIRS = (
    Pair(
        tnet="tnet_fmow",
        waves=(1, 2, 2),
        baseline="efficientnet_b0",
        side_px=896,
        paper="2.59x, memory 3.3x",
    ),
    Pair(
        tnet="tnet_imagenet",
        waves=(1, 2),
        baseline="bagnet77",
        side_px=224,
        paper="2.87x, memory 3.8x",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where and for how long."""

    device: torch.device
    """What is measured."""
    batch: int
    """Windows, or images, at once."""
    seconds: float
    """Of each measurement."""

    def figures(self) -> Iterator[Figure]:
        """All of them."""
        precisions: tuple[Precision, ...] = ("float32", "tf32", "bfloat16")
        for pair, precision in itertools.product(PAIRS, precisions):
            allow_tf32(precision)
            yield self._runner(pair.tnet, precision)
            yield self._against_baseline(pair, precision)
            with contextlib.suppress(ModelError):  # where there is no compiler
                yield self._compiled(pair.tnet, precision)

    def _runner(self, name: str, precision: Precision) -> Figure:
        """From arrays in memory to observations, by as many lanes as there are, of the network alone."""
        model = self._network(name)
        runner = self._runner_of(model, precision)
        side = ARCHITECTURES[name].base_px
        images = self._images(side)
        yxd = torch.zeros((self.batch, 3), dtype=torch.int64, device=self.device)
        with torch.inference_mode(), use(precision, self.device):
            own = self.batch * self._rate(lambda: model.look(images, yxd))
        rate, busy = self._rate_of_lanes(runner, side)
        return Figure(
            what=f"{name}, {precision}, batch {self.batch}: looks through the runner, of the network alone",
            value=f"{rate / own:.2f}",
            wanted="-",
            detail=f"{rate:,.0f} looks/s against {own:,.0f}; GPU busy {busy}",
        )

    def _compiled(self, name: str, precision: Precision) -> Figure:
        """The runner after `--compile`, of itself before."""
        side = ARCHITECTURES[name].base_px
        runner = self._runner_of(self._network(name), precision)
        before, _ = self._rate_of_lanes(runner, side)
        started = time.perf_counter()
        runner.compile((3, side, side))
        compiling_s = time.perf_counter() - started
        after, busy = self._rate_of_lanes(runner, side)
        return Figure(
            what=f"{name}, {precision}, batch {self.batch}: looks through the runner compiled, of those as built",
            value=f"{after / before:.2f}x",
            wanted="-",
            detail=f"{after:,.0f} looks/s against {before:,.0f}; compiling {compiling_s:.0f} s; GPU busy {busy}",
        )

    def _runner_of(self, model: TNet, precision: Precision) -> ModelRunner:
        fold_norms(model)
        return ModelRunner(
            model,
            num_classes=10,
            device=self.device,
            batch_size=self.batch,
            num_threads=2,
            precision=precision,
        )

    def _rate_of_lanes(self, runner: ModelRunner, side: int) -> tuple[float, str]:
        """Looks a second from arrays in memory, by as many lanes as there are, and how busy the GPU was."""
        windows = list(np.random.default_rng(0).random((self.batch, 3, side, side), np.float32))
        places = [Position(0, 0, 0)] * self.batch
        runner.look(windows, places)
        with ThreadPoolExecutor(runner.num_lanes) as lanes:
            started, busy, done = time.perf_counter(), [], 0
            while time.perf_counter() - started < self.seconds:
                calls = [lanes.submit(runner.look, windows, places) for _ in range(16)]
                busy.append(_busy_share(self.device))
                done += sum(len(call.result()) for call in calls)
            rate = done / (time.perf_counter() - started)
        seen = [share for share in busy if share is not None]
        return rate, f"{np.mean(seen):.0f} %" if seen else "not known"

    def _against_baseline(self, pair: Pair, precision: Precision) -> Figure:
        """Time and memory of an image's looks, wave after wave, against the whole image at once."""
        tnet, whole = self._network(pair.tnet), self._network(pair.baseline)
        waves = [self._images(ARCHITECTURES[pair.tnet].base_px, many) for many in pair.waves]
        places = [
            torch.zeros((len(wave), 3), dtype=torch.int64, device=self.device) for wave in waves
        ]
        images = self._images(pair.side_px)
        nowhere = torch.zeros((self.batch, 3), dtype=torch.int64, device=self.device)

        def walk() -> None:
            for wave, yxd in zip(waves, places, strict=True):
                tnet.look(wave, yxd)

        with torch.inference_mode(), use(precision, self.device):
            walks = self._rate(walk)
            wholes = self._rate(lambda: whole.look(images, nowhere))
            memory = self._memory(walk, lambda: whole.look(images, nowhere))
        return Figure(
            what=f"{pair.tnet} ({sum(pair.waves)} windows) against {pair.baseline} at {pair.side_px} px, {precision}",
            value=f"{walks / wholes:.2f}x",
            wanted=f"the paper: {pair.paper}",
            detail=f"{1e3 / (walks * self.batch):.2f} ms an image against {1e3 / (wholes * self.batch):.2f}; "
            f"{memory}",
        )

    def _network(self, name: str) -> TNet:
        model = build_model(name, num_classes=10).eval().to(self.device)
        return model.to(memory_format=torch.channels_last)

    def _images(self, side: int, many: int = 1) -> torch.Tensor:
        shape = (many * self.batch, 3, side, side)
        return torch.rand(shape, device=self.device).to(memory_format=torch.channels_last)

    def _rate(self, call: Callable[[], object]) -> float:
        """Calls a second."""
        for _ in range(3):
            call()
        self._wait()
        started, done = time.perf_counter(), 0
        while time.perf_counter() - started < self.seconds:
            call()
            done += 1
            self._wait()
        return done / (time.perf_counter() - started)

    def _memory(self, little: Callable[[], object], much: Callable[[], object]) -> str:
        if self.device.type != "cuda":
            return "memory not measured"
        few, many = self._peak_mb(little), self._peak_mb(much)
        return f"memory {many / few:.1f}x less, {few:,.0f} MB against {many:,.0f}"

    def _peak_mb(self, call: Callable[[], object]) -> float:
        """What one call holds at most, beside what is there already."""
        held = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        call()
        self._wait()
        return (torch.cuda.max_memory_allocated(self.device) - held) / 1e6

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _busy_share(device: torch.device) -> float | None:
    """Per cent of the last moments in which the GPU computed; None where nobody knows."""
    if device.type != "cuda":
        return None
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(asked.stdout.split()[0]) if asked.returncode == 0 else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    bench = Bench(device=torch.device(given.device), batch=given.batch, seconds=given.seconds)
    name = torch.cuda.get_device_name() if bench.device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}")
    print(table(list(bench.figures())))
    with bench.device:  # the layer's own, with the fused kernel where it works
        print(table(attention.figures()))


if __name__ == "__main__":
    main()
