"""What the workers of a run do with their time, looked at while it runs.

A worker that waits for a processor which another process has is not idle: `/proc/PID/task/*/schedstat` says how long
each thread waited for one. How long they ran is asked of the process, whose threads come and go.
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

INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one worker."""

    at_s: float
    """`time.perf_counter()`."""
    used_s: float
    """Processor seconds of all threads that it ever had."""
    waited_s: float
    """Seconds that its threads of now have waited for a processor."""


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
        """Share (0 to 1) of the time between two in which `count` workers had no thread that ran or wanted to."""
        busy = (
            min(b.at_s - a.at_s, b.used_s - a.used_s + max(0.0, b.waited_s - a.waited_s))
            for a, b in self._steps(from_s, to_s)
        )
        return 1 - sum(busy) / ((to_s - from_s) * count)

    def _steps(self, from_s: float, to_s: float) -> Iterator[tuple[Sample, Sample]]:
        """Pairs of looks at one worker, one after the other; of a worker that is gone there are no more."""
        for samples in self.samples.values():
            within = [sample for sample in samples if from_s <= sample.at_s <= to_s]
            yield from pairwise(within)

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._is_over.wait(INTERVAL_S):
            for worker in worker_processes(me):
                with contextlib.suppress(psutil.Error, OSError):  # it has just ended
                    self.samples[worker.pid].append(_sample(worker))


def _sample(worker: psutil.Process) -> Sample:
    times, waited_ns = worker.cpu_times(), 0
    for task in Path(f"/proc/{worker.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            waited_ns += int((task / "schedstat").read_text().split()[1])
    return Sample(time.perf_counter(), times.user + times.system, waited_ns / 1e9)
