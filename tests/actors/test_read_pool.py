"""Threads that wait for storage: bounded, replaced when stuck, gone when closed."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from actors.engine_config import EngineConfig
from actors.image_job import ImageJob, Subject
from actors.read_pool import ReadPool
from actors.read_pools import WATCH_INTERVAL_S, ReadPools
from pipeline.image_record import ImageRecord


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
            pool.submit(lambda number=number: done.append(number), number, 10.0)  # type: ignore[misc]  # bound now
        pool.close()

        assert sorted(done) == list(range(20))
        assert reading() == before

    def test_a_stuck_thread_is_replaced(self) -> None:
        """What runs too long is given up by name, and its place is taken: other work goes on."""
        never, done = threading.Event(), threading.Event()
        pool: ReadPool[str] = ReadPool(1)
        pool.submit(lambda: bool(never.wait()) and None, "stuck", 0.01)
        while not pool._running:
            time.sleep(0.001)
        pool.submit(done.set, "next", 10.0)
        time.sleep(0.02)
        overdue = pool.abandon_overdue()

        assert overdue == ["stuck"]
        assert done.wait(timeout=10)
        assert pool.abandon_overdue() == []
        never.set()
        pool.close()

    def test_waiting_in_line_is_not_reading(self) -> None:
        """Work that no thread has taken yet is never overdue."""
        never = threading.Event()
        pool: ReadPool[str] = ReadPool(1)
        pool.submit(lambda: bool(never.wait()) and None, "first", 10.0)
        pool.submit(lambda: None, "second", 0.001)
        time.sleep(0.05)

        assert pool.abandon_overdue() == []
        never.set()
        pool.close()


class TestReadPools:
    def test_what_goes_through_many_looks_may_take_longer(self) -> None:
        """The timeout is that of a read: concluding a full scan is given time for each of its looks."""
        never = threading.Event()
        pools = ReadPools(EngineConfig(read_timeout_s=0.1))
        job = ImageJob(ImageRecord(sample_id="a", image_path="/a.tif"), Future())
        pools.submit(lambda: bool(never.wait()) and None, Subject(0), job)
        pools.submit(lambda: bool(never.wait()) and None, Subject(1), job, num_looks=100_000)
        time.sleep(WATCH_INTERVAL_S + 0.2)

        assert pools.overdue() == [Subject(0)]
        never.set()
        pools.close()
