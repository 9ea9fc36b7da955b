"""Many images at once through one model: reads in threads, looks of all images batched as they become ready.

The decisions are the scheduler's; this is the shell that waits, starts reads and starts the model. One thread owns
all of it; other threads read, run the model, and post events.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Self, TypeAlias

from actors.engine_config import EngineConfig
from actors.image_events import Event, Pixels
from actors.image_job import ImageJob
from actors.image_tasks import Admission, ImageTasks, Recall, Sink
from actors.images_in_flight import ImagesInFlight
from actors.model_lanes import Activity, ModelBroke, ModelLanes, Seen
from actors.read_pools import WATCH_INTERVAL_S, ReadPools
from pipeline.image_record import ImageRecord
from pipeline.images.tile_cache import TileCache
from pipeline.records.result import ImageResult
from pipeline.walk.allowance import ENDLESS, Allowance
from pipeline.walk.scheduler import Scheduler
from pipeline.walk.walk import LookModel
from pipeline.walk.walk_plan import WalkPlan

FILL_PATIENCE_S = 0.003
"""How long the model waits for a batch to fill while reads are out."""
_Any: TypeAlias = ImageJob | Event | Seen | ModelBroke | None
"""What the engine's thread hears of; a new job, or None for closing."""


class Engine:
    """Classifies images with one model. A context manager: close it when done."""

    def __init__(
        self,
        plan: WalkPlan,
        model: LookModel,
        config: EngineConfig,
        sink: Sink = lambda _: None,
        admit: Admission = lambda *_: True,
        recall: Recall = lambda _: None,
    ) -> None:
        self._model, self._config = model, config
        self._events: queue.SimpleQueue[_Any] = queue.SimpleQueue()
        self._readers = ReadPools(config)
        tasks = ImageTasks(
            plan=plan,
            model=model,
            cache=TileCache(config.cache_bytes),
            sink=sink,
            admit=admit,
            recall=recall,
            post=self._events.put,
        )
        self._scheduler: Scheduler[Pixels] = Scheduler(config.limits(model))
        self._lanes = ModelLanes(model, self._events.put)
        self._images = ImagesInFlight(self._scheduler, tasks, self._readers, config.read_timeout_s)
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="foveate-engine", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def activity(self) -> Activity:
        """What goes on; may be asked from any thread."""
        return replace(self._lanes.activity, images=self._scheduler.num_in_flight)

    def submit(self, record: ImageRecord, allowance: Allowance = ENDLESS) -> Future[ImageResult]:
        """Classify an image, within an allowance.

        The future fails only if the model breaks or the result cannot be written.
        """
        job = ImageJob(record, Future(), allowance)
        self._events.put(job)
        return job.promise

    def classify(self, records: Iterable[ImageRecord]) -> Iterator[ImageResult]:
        """Results as they come; no more records are taken than can be in flight."""
        out: set[Future[ImageResult]] = set()
        for record in records:
            out.add(self.submit(record))
            if len(out) > self._config.images_in_flight:
                done, out = wait(out, return_when=FIRST_COMPLETED)
                yield from (promise.result() for promise in done)
        while out:
            done, out = wait(out, return_when=FIRST_COMPLETED)
            yield from (promise.result() for promise in done)

    def close(self) -> None:
        """Finish what was submitted, then end the threads."""
        self._events.put(None)
        self._thread.join()
        self._readers.close()
        self._lanes.close()

    def _run(self) -> None:
        try:
            while self._images or not self._is_closing:
                self._images.start_tasks()
                self._start_batches()
                self._take_events()
                self._images.watch_reads()
        except Exception as error:  # noqa: BLE001  # whoever waits for a result must hear of it
            self._refuse_all(error)

    def _start_batches(self) -> None:
        """Give the model what is ready: full batches, or what there is when no more comes soon."""
        deadline = time.monotonic() + FILL_PATIENCE_S
        while self._scheduler.num_ready and self._lanes.has_room(is_full=self._is_full):
            left = deadline - time.monotonic()
            may_fill_up = self._scheduler.is_reading or self._lanes.is_busy
            if not self._is_full and may_fill_up and left > 0 and self._take_event(left):
                self._images.start_tasks()
                continue
            self._lanes.start(self._scheduler.next_batch())

    @property
    def _is_full(self) -> bool:
        """Whether a whole batch is ready."""
        return self._scheduler.num_ready >= self._model.batch_size

    def _take_events(self) -> None:
        """Hear what happened; wait for it when there is nothing to start."""
        if not (self._scheduler.num_ready and self._lanes.has_room(is_full=self._is_full)):
            self._take_event(WATCH_INTERVAL_S)
        while self._take_event(0):
            pass

    def _take_event(self, timeout_s: float) -> bool:
        try:
            event = self._events.get(block=timeout_s > 0, timeout=timeout_s or None)
        except queue.Empty:
            return False
        self._handle(event)
        return True

    def _handle(self, event: _Any) -> None:
        match event:
            case ImageJob():
                self._images.add(event)
            case None:
                self._is_closing = True
            case ModelBroke(error):
                raise error
            case Seen():
                self._seen(event)
            case _:
                self._images.hear(event)

    def _seen(self, event: Seen) -> None:
        self._lanes.came_back()
        for look, observation in zip(event.batch, event.observations, strict=True):
            self._scheduler.observed(look, observation)

    def _refuse_all(self, error: Exception) -> None:
        """The model broke: everything submitted fails, now and until the engine is closed."""
        while True:
            self._images.refuse_all(error)
            if self._is_closing:
                return
            event = self._events.get()
            if event is None or isinstance(event, ImageJob):
                self._handle(event)
