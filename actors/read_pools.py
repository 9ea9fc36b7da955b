"""The engine's readers: threads for disks, threads for servers, and a look for reads that never come back."""

from __future__ import annotations

import time
from collections.abc import Callable

from actors.engine_config import EngineConfig
from actors.image_job import ImageJob, Subject
from actors.read_pool import ReadPool
from pipeline.storage.place import is_far

WATCH_INTERVAL_S = 0.5
"""How often overdue reads are looked for."""
SECONDS_PER_LOOK = 0.005
"""More than fifty times what it takes to conclude and to write one; a full scan has a million of them."""


class ReadPools:
    """Reads of disks also decode, so few threads are right; reads of servers do nothing but wait, so many are."""

    def __init__(self, config: EngineConfig) -> None:
        self._near: ReadPool[Subject] = ReadPool(config.num_readers)
        self._far: ReadPool[Subject] = ReadPool(config.num_far_readers)
        self._timeout_s = config.read_timeout_s
        self._last_watch_s = time.monotonic()

    def submit(
        self, work: Callable[[], None], subject: Subject, job: ImageJob, *, num_looks: int = 0
    ) -> None:
        """Do `work` when a thread is free, one of those that are right for the image.

        Args:
            work: reads, or puts together or writes what is known of some looks.
            subject: what it is for.
            job: its image.
            num_looks: how many looks that are taken already it goes through.
        """
        pool = self._far if is_far(job.record.image_path) else self._near
        pool.submit(work, subject, self._timeout_s + SECONDS_PER_LOOK * num_looks)

    def overdue(self) -> list[Subject]:
        """What was given up now: it has run longer than a read may. Looks only now and then."""
        now = time.monotonic()
        if now - self._last_watch_s < WATCH_INTERVAL_S:
            return []
        self._last_watch_s = now
        pools = (self._near, self._far)
        return [subject for pool in pools for subject in pool.abandon_overdue()]

    def close(self) -> None:
        """End the threads after what is queued."""
        self._near.close()
        self._far.close()
