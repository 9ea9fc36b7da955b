"""Threads that run the model, so that the engine can go on hearing what was read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.walk.glimpse import Observation
from pipeline.walk.scheduler import ReadyLook
from pipeline.walk.walk import LookModel

Batch: TypeAlias = list[ReadyLook[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What an engine does."""

    looks: int = 0
    """Windows that the model was given so far."""
    slots: int = 0
    """Windows that the same batches had room for."""
    images: int = 0
    """Images open or being opened now."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The model has spoken."""

    batch: Batch
    observations: list[Observation]


@dataclass(frozen=True, slots=True, eq=False)
class ModelBroke:
    """The model cannot go on, and without it nothing can."""

    error: Exception


class ModelLanes:
    """As many calls of the model side by side as pay, and a full batch waiting for each. Has one owner.

    Each batch ends in one event, posted from the lane's thread.
    """

    def __init__(self, model: LookModel, post: Callable[[Seen | ModelBroke], None]) -> None:
        self._model, self._post = model, post
        self._threads = ThreadPoolExecutor(model.num_lanes, "foveate-model")
        self._num_out = 0
        self.activity = Activity()

    @property
    def is_busy(self) -> bool:
        """Whether batches are out."""
        return self._num_out > 0

    def has_room(self, *, is_full: bool) -> bool:
        """Whether a lane is free for a batch; a full one may also wait for a lane."""
        return self._num_out < self._model.num_lanes * (2 if is_full else 1)

    def start(self, batch: Batch) -> None:
        """Show a batch to the model as soon as a lane is free."""
        self._num_out += 1
        done = self.activity
        self.activity = Activity(
            looks=done.looks + len(batch), slots=done.slots + self._model.batch_size
        )
        self._threads.submit(self._look, batch)

    def came_back(self) -> None:
        """The owner has heard of a batch."""
        self._num_out -= 1

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _look(self, batch: Batch) -> None:
        try:
            observations = self._model.look(
                [look.pixels for look in batch], [look.glimpse.position for look in batch]
            )
        except Exception as error:  # noqa: BLE001  # whoever waits for a result must hear of it
            self._post(ModelBroke(error))
        else:
            self._post(Seen(batch, observations))
