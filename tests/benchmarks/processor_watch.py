"""How much processor time the workers of a run take, looked at while it runs."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import Self

import psutil

from tests.worker_processes import worker_processes

INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at all workers."""

    at_s: float
    """`time.perf_counter()`."""
    used_s: float
    """Processor seconds of all workers so far, those of ended ones included."""


class ProcessorWatch:
    """Watches the workers below this process. A context manager."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._used: dict[int, float] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def used_s(self, from_s: float, to_s: float) -> float:
        """Processor seconds between two times."""
        return self._at(to_s).used_s - self._at(from_s).used_s

    def idle_share(self, from_s: float, to_s: float, count: int) -> float:
        """Share (0 to 1) of the time between two that `count` workers of one processor each did not use it."""
        return 1 - self.used_s(from_s, to_s) / ((to_s - from_s) * count)

    def _at(self, at_s: float) -> Sample:
        return min(self.samples, key=lambda sample: abs(sample.at_s - at_s))

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._is_over.wait(INTERVAL_S):
            for worker in worker_processes(me):
                with contextlib.suppress(psutil.Error):
                    times = worker.cpu_times()
                    self._used[worker.pid] = times.user + times.system
            self.samples.append(Sample(time.perf_counter(), sum(self._used.values())))
