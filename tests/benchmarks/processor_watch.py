"""What the workers of a run do with their time, looked at while it runs.

A worker is idle when none of its threads runs or could run: one that waits for a processor which another process has
is not. `/proc/PID/task/*/stat` says so of the moment it is read, so it is read often; what a worker used is asked of
the process, whose threads come and go.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import psutil

from tests.worker_processes import worker_processes

INTERVAL_S = 0.1
LOOK_AROUND_S = 1.0
"""How often new workers are looked for; it takes longer than looking at those that are known."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one worker."""

    at_s: float
    """`time.perf_counter()`."""
    used_s: float
    """Processor seconds of all threads that it ever had."""
    is_busy: bool
    """Whether a thread ran, or waited for nothing but a processor."""


class ProcessorWatch:
    """Watches the workers below this process. A context manager."""

    def __init__(self) -> None:
        self.samples: defaultdict[int, list[Sample]] = defaultdict(list)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def used_s(self, from_s: float, to_s: float) -> float:
        """Processor seconds of all workers between two times."""
        return sum(b.used_s - a.used_s for a, b in self._steps(from_s, to_s))

    def idle_share(self, from_s: float, to_s: float, count: int) -> float:
        """Share (0 to 1) of the time between two in which `count` workers had no thread that ran or could run."""
        busy_s = sum(b.at_s - a.at_s for a, b in self._steps(from_s, to_s) if b.is_busy)
        return 1 - busy_s / ((to_s - from_s) * count)

    def _steps(self, from_s: float, to_s: float) -> Iterator[tuple[Sample, Sample]]:
        """Pairs of looks at one worker, one after the other; of a worker that is gone there are no more."""
        for samples in self.samples.values():
            within = [sample for sample in samples if from_s <= sample.at_s <= to_s]
            yield from pairwise(within)

    def _watch(self) -> None:
        me, workers, looked_s = psutil.Process(), list[psutil.Process](), 0.0
        while not self._is_over.wait(INTERVAL_S):
            if time.perf_counter() - looked_s > LOOK_AROUND_S:
                workers, looked_s = list(worker_processes(me)), time.perf_counter()
            for worker in workers:
                with contextlib.suppress(psutil.Error, OSError):  # it has just ended
                    self.samples[worker.pid].append(_sample(worker))


def _sample(worker: psutil.Process) -> Sample:
    times = worker.cpu_times()
    states = (_state(task) for task in Path(f"/proc/{worker.pid}/task").iterdir())
    return Sample(time.perf_counter(), times.user + times.system, is_busy="R" in states)


def _state(task: Path) -> str:
    """A letter: R runs or could; empty for a thread that has just ended."""
    with contextlib.suppress(OSError):
        return (task / "stat").read_text().rpartition(") ")[2][:1]
    return ""
