"""What becomes of every image between its submission and its row: opened, read, concluded, written, or given up.

Owned by the engine's thread: it starts work in the readers' threads, and hears from the engine what they posted.
"""

from __future__ import annotations

import time
from functools import partial

from actors.image_events import (
    Broke,
    Concluded,
    Event,
    Forgone,
    NotRead,
    Opened,
    Pixels,
    Read,
    Suspected,
    Written,
)
from actors.image_job import ImageJob, Subject, opened, timed_out
from actors.image_tasks import ImageTasks
from actors.jobs_under_way import JobsUnderWay
from actors.read_pools import ReadPools
from pipeline.records.result import ImageResult, failed
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.scheduler import Scheduler


class ImagesInFlight:
    """All images that an engine was given and has not given back.

    Args:
        scheduler: decides what is opened and read next.
        tasks: what a reader's thread does.
        readers: the threads.
        read_timeout_s: how long storage may be silent, as the readers watch it.
    """

    def __init__(
        self,
        scheduler: Scheduler[Pixels],
        tasks: ImageTasks,
        readers: ReadPools,
        read_timeout_s: float,
    ) -> None:
        self._scheduler, self._tasks, self._readers = scheduler, tasks, readers
        self._read_timeout_s = read_timeout_s
        self._jobs = JobsUnderWay()

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def add(self, job: ImageJob) -> None:
        """One more."""
        self._scheduler.add(self._jobs.add(job))

    def refuse_all(self, error: Exception) -> None:
        """Nothing goes on: whoever waits for a result hears of it."""
        for job in self._jobs.remove_all():
            job.promise.set_exception(error)

    def start_tasks(self) -> None:
        """Open, read and conclude what the scheduler says."""
        for image in self._scheduler.images_to_open():
            job = self._jobs[image]
            job.started_s = time.perf_counter()
            work = partial(self._tasks.open, image, job, self._scheduler.is_alone(image))
            self._readers.submit(work, Subject(image), job)
        for image, glimpse in self._scheduler.looks_to_read():
            self._start_read(image, glimpse)
        for image in self._scheduler.take_finished():
            job = self._jobs[image]
            walk = opened(job)
            work = partial(self._tasks.conclude, image, walk, job.started_s)
            self._readers.submit(work, Subject(image), job, num_looks=len(walk.traversal.looks))

    def hear(self, event: Event) -> None:
        """What a reader's thread has to tell."""
        match event:
            case Opened(image, walk):
                self._opened(image, walk)
            case Suspected(image):
                if self._jobs.unconcluded(image):  # else given up meanwhile
                    self._scheduler.must_run_alone(image)
            case Read() | NotRead() | Forgone():
                self._came_back(event)
            case Broke(image, error):
                self._drop(image, error)
            case Concluded(image, result):
                self._conclude(image, result)
            case Written():
                self._written(event)

    def watch_reads(self) -> None:
        """Give up what storage has been silent about for too long."""
        for subject in self._readers.overdue():
            if subject.image in self._jobs:
                self._give_up(subject, self._jobs[subject.image])

    def _start_read(self, image: int, glimpse: Glimpse) -> None:
        self._jobs.read_begins(image, glimpse)
        job = self._jobs[image]
        work = partial(self._tasks.read, image, opened(job), glimpse)
        self._readers.submit(work, Subject(image, glimpse), job)

    def _came_back(self, event: Read | NotRead | Forgone) -> None:
        if not self._jobs.read_ends(event.image, event.glimpse):
            return
        if isinstance(event, Read):
            self._scheduler.was_read(event.image, event.glimpse, event.pixels)
        elif isinstance(event, Forgone):
            self._scheduler.was_forgone(event.image, event.glimpse)
        else:
            self._scheduler.was_not_read(event.image, event.glimpse, event.error)

    def _opened(self, image: int, walk: ImageWalk) -> None:
        job = self._jobs.unconcluded(image)
        if job is None:  # given up meanwhile
            walk.close()
            return
        job.walk = walk
        self._scheduler.opened(image, walk.traversal)

    def _drop(self, image: int, error: Exception) -> None:
        """An image cannot go on: its row says why."""
        job = self._jobs.unconcluded(image)
        if job is None:
            return
        for _ in range(self._jobs.give_up_reads(image)):
            self._scheduler.was_given_up()
        self._scheduler.dropped(image)
        read = None
        if job.walk is not None:
            read = job.walk.tiles.cost
            job.walk.close()
        seconds = time.perf_counter() - job.started_s
        self._conclude(image, failed(job.record, error, seconds, read))

    def _conclude(self, image: int, result: ImageResult) -> None:
        job = self._jobs.unconcluded(image)
        if job is not None:
            job.is_concluded = True
            work = partial(self._tasks.write, image, result)
            self._readers.submit(work, Subject(image), job, num_looks=len(result.glimpses))

    def _written(self, event: Written) -> None:
        job = self._jobs.remove(event.image)
        if job is None:
            return
        self._scheduler.written(event.image)
        if event.error is None:
            job.promise.set_result(event.result)
        else:
            job.promise.set_exception(event.error)

    def _give_up(self, subject: Subject, job: ImageJob) -> None:
        error = timed_out(job, self._read_timeout_s)
        if job.is_concluded:  # its result cannot be written
            self._written(Written(subject.image, failed(job.record, error, 0.0), error))
        elif subject.glimpse is None or job.walk is None:
            self._drop(subject.image, error)
        else:
            job.walk.tiles.abandon(error)
            if self._jobs.read_ends(subject.image, subject.glimpse):
                self._scheduler.was_not_read(subject.image, subject.glimpse, str(error))
