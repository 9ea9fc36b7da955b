"""Which reads to start and which looks to batch, over many images at once (continuous batching).

Pure: no clock, no threads, no pixels, no network. The engine tells it what happened and asks what to do.
Reads are shared out in turns, looks are batched in the order in which they became ready, of any image at
any depth: a slow image never holds the model. Only an image that must run alone makes all others wait.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from pipeline.walk.glimpse import Glimpse, Observation
from pipeline.walk.traversal import Traversal

PixelsT = TypeVar("PixelsT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what is in flight; they bound memory."""

    num_images: int
    """Images open at once."""
    num_windows: int
    """Windows being read or waiting for the model."""
    batch_size: int
    """Most looks of one model call."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadyLook(Generic[PixelsT]):
    """A window that waits for the model."""

    image: int
    """Number of its image."""
    glimpse: Glimpse
    """Which look."""
    pixels: PixelsT
    """What was read."""


class Scheduler(Generic[PixelsT]):
    """The looks of all images in flight. Has one owner."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[int] = deque()
        self._waiting_alone: deque[int] = deque()
        self._alone: int | None = None
        self._opening: set[int] = set()
        self._walking: dict[int, Traversal] = {}
        self._ending: set[int] = set()
        self._num_reading = 0
        self._ready: deque[ReadyLook[PixelsT]] = deque()

    @property
    def num_in_flight(self) -> int:
        """Images open or being opened."""
        return len(self._opening) + len(self._walking)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do."""
        return not (self._waiting or self._waiting_alone or self._opening or self._walking)

    @property
    def is_reading(self) -> bool:
        """Whether reads or openings are out that may make more looks ready."""
        return bool(self._num_reading or self._opening)

    @property
    def num_ready(self) -> int:
        """Looks that wait for the model."""
        return len(self._ready)

    def add(self, image: int) -> None:
        """An image to classify."""
        self._waiting.append(image)

    def images_to_open(self) -> list[int]:
        """Images to open now."""
        if self._waiting_alone or self._alone is not None:
            return self._next_alone()
        free = self._limits.num_images - self.num_in_flight
        images = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        self._opening.update(images)
        return images

    def _next_alone(self) -> list[int]:
        if self._opening or self._walking or self._ending:
            return []
        self._alone = self._waiting_alone.popleft()
        self._opening.add(self._alone)
        return [self._alone]

    def is_alone(self, image: int) -> bool:
        """Whether nothing else is in flight beside an image, from its opening until it is written."""
        return image == self._alone

    def must_run_alone(self, image: int) -> None:
        """An image that was to be opened may not share the process: it waits until all others are written."""
        self._opening.discard(image)
        self._waiting_alone.append(image)

    def opened(self, image: int, traversal: Traversal) -> None:
        """An image is open and may be walked."""
        self._opening.discard(image)
        self._walking[image] = traversal

    def dropped(self, image: int) -> None:
        """An image is given up: it could not be opened, or something in it broke."""
        self._opening.discard(image)
        self._walking.pop(image, None)
        self._ending.add(image)
        self._ready = deque(look for look in self._ready if look.image != image)

    def looks_to_read(self) -> list[tuple[int, Glimpse]]:
        """Looks to read now, one image after the other, each getting its turn first once."""
        looks: list[tuple[int, Glimpse]] = []
        for image in list(self._walking):
            free = self._limits.num_windows - self._num_reading - len(self._ready)
            if free <= 0:
                break
            proposed = self._walking[image].propose(free)
            self._num_reading += len(proposed)
            looks.extend((image, glimpse) for glimpse in proposed)
            self._walking[image] = self._walking.pop(image)  # to the end of the line
        return looks

    def was_read(self, image: int, glimpse: Glimpse, pixels: PixelsT) -> None:
        """A look is ready for the model."""
        self._num_reading -= 1
        if image in self._walking:
            self._ready.append(ReadyLook(image, glimpse, pixels))

    def was_not_read(self, image: int, glimpse: Glimpse, error: str) -> None:
        """A look could not be read."""
        self._num_reading -= 1
        if image in self._walking:
            self._walking[image].fail(glimpse, error)

    def was_forgone(self, image: int, glimpse: Glimpse) -> None:
        """A look was not taken: its image may not spend as much."""
        self._num_reading -= 1
        if image in self._walking:
            self._walking[image].forgo(glimpse)

    def was_given_up(self) -> None:
        """A look of a dropped image is out, and nobody waits for it any more."""
        self._num_reading -= 1

    def next_batch(self) -> list[ReadyLook[PixelsT]]:
        """The looks that have waited longest, at most a batch of them."""
        count = min(self._limits.batch_size, len(self._ready))
        batch = list(islice(self._ready, count))
        for _ in batch:
            self._ready.popleft()
        return batch

    def observed(self, look: ReadyLook[PixelsT], observation: Observation) -> None:
        """The model has spoken."""
        if look.image in self._walking:
            self._walking[look.image].observe(look.glimpse, observation)

    def take_finished(self) -> list[int]:
        """Images whose walk is over; they are no longer in flight."""
        finished = [image for image, walk in self._walking.items() if walk.is_finished]
        for image in finished:
            del self._walking[image]
        self._ending.update(finished)
        return finished

    def written(self, image: int) -> None:
        """Nothing of an image is left to do."""
        self._ending.discard(image)
        if image == self._alone:
            self._alone = None
