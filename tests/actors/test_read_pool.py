"""Threads that wait for storage: bounded, replaced when stuck, gone when closed."""

from __future__ import annotations

import threading
import time

from actors.read_pool import ReadPool


def reading() -> int:
    """Reader threads of this process that are alive."""
    return sum(thread.name == "foveate-read" for thread in threading.enumerate())


class TestReadPool:
    def test_closing_leaves_no_thread(self) -> None:
        """After close every thread has ended, what was queued is done."""
        before = reading()
        done: list[int] = []
        pool: ReadPool[int] = ReadPool(3)
        for number in range(20):
            pool.submit(lambda number=number: done.append(number), number)  # type: ignore[misc]  # bound now
        pool.close()

        assert sorted(done) == list(range(20))
        assert reading() == before

    def test_a_stuck_thread_is_replaced(self) -> None:
        """What runs too long is given up by name, and its place is taken: other work goes on."""
        never, done = threading.Event(), threading.Event()
        pool: ReadPool[str] = ReadPool(1)
        pool.submit(lambda: bool(never.wait()) and None, "stuck")
        while not pool._running:
            time.sleep(0.001)
        pool.submit(done.set, "next")
        time.sleep(0.02)
        overdue = pool.abandon_overdue(0.01)

        assert overdue == ["stuck"]
        assert done.wait(timeout=10)
        assert pool.abandon_overdue(0.01) == []
        never.set()
        pool.close()

    def test_waiting_in_line_is_not_reading(self) -> None:
        """Work that no thread has taken yet is never overdue."""
        never = threading.Event()
        pool: ReadPool[str] = ReadPool(1)
        pool.submit(lambda: bool(never.wait()) and None, "first")
        pool.submit(lambda: None, "second")
        time.sleep(0.05)

        assert pool.abandon_overdue(10.0) == []
        never.set()
        pool.close()
