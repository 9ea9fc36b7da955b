"""Threads that wait for storage, so that the model does not have to; and a way out when storage never answers.

A thread that is stuck in a system call cannot be stopped. It is abandoned: another takes its place, and
what it brings back later is thrown away.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

CLOSE_TIMEOUT_S = 2.0
"""How long closing waits for threads; those that are stuck in a system call are left to the end of the process."""


@dataclass(slots=True, eq=False)
class ReadTask(Generic[T]):
    """One thing to do in a thread."""

    work: Callable[[], None]
    """What to do; handles its own errors."""
    subject: T
    """What it is for; told back when it is overdue."""
    limit_s: float
    """How long it may run."""
    started_s: float | None = None
    """`time.monotonic()` when a thread took it."""
    is_abandoned: bool = False
    """True: nobody waits for it any more."""


class ReadPool(Generic[T]):
    """A bounded number of threads and a queue before them."""

    def __init__(self, num_threads: int) -> None:
        self._tasks: queue.SimpleQueue[ReadTask[T] | None] = queue.SimpleQueue()
        self._running: set[ReadTask[T]] = set()
        self._lock = threading.Lock()
        self._num_threads = num_threads
        self._threads: list[threading.Thread] = []
        for _ in range(num_threads):
            self._start_thread()

    def submit(self, work: Callable[[], None], subject: T, limit_s: float) -> None:
        """Do `work` when a thread is free; from then on it may run for so many seconds."""
        self._tasks.put(ReadTask(work, subject, limit_s))

    def abandon_overdue(self) -> list[T]:
        """Give up what has run longer than it may; returns what it was for."""
        now = time.monotonic()
        with self._lock:
            overdue = [
                task for task in self._running if now - (task.started_s or now) > task.limit_s
            ]
            for task in overdue:
                task.is_abandoned = True
                self._running.discard(task)
        for _ in overdue:
            self._start_thread()
        return [task.subject for task in overdue]

    def close(self) -> None:
        """End the threads after what is queued, and wait for all but the stuck ones.

        A thread that is still letting go of its arrays when the interpreter ends would abort the process.
        """
        for _ in range(self._num_threads):
            self._tasks.put(None)
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name="foveate-read", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            with self._lock:
                task.started_s = time.monotonic()
                self._running.add(task)
            task.work()
            with self._lock:
                self._running.discard(task)
                if task.is_abandoned:  # another thread has this one's place
                    return
