"""When things happen: which images make a step, and what the learning rate is then. Pure, from seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from actors.training.config import OptimiserConfig

T = TypeVar("T")


def steps_of_epoch(
    items: Sequence[T], *, batch_size: int, seed: int, epoch: int, num_workers: int = 1
) -> Iterator[Sequence[T]]:
    """The images of each step, over all workers, in an order of the epoch's own.

    A last step with less than one image per worker is left out.
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(items))
    for first in range(0, len(items), batch_size):
        step = order[first : first + batch_size]
        if len(step) >= num_workers:
            yield [items[index] for index in step]


def seed_of(*numbers: int) -> int:
    """One seed of several numbers, such as (seed, epoch, worker)."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def num_steps(num_items: int, *, batch_size: int, num_workers: int = 1) -> int:
    """Steps of an epoch."""
    full, rest = divmod(num_items, batch_size)
    return full + (rest >= num_workers)


def learning_rate(config: OptimiserConfig, start: float, progress: float) -> float:
    """The learning rate at `progress` (0 to 1) through a stage that starts with `start`."""
    if config.decay == "none" or progress < config.decay_from:
        return start
    if config.decay == "step":
        return start * 0.1
    left = (1 - progress) / max(1 - config.decay_from, 1e-9)
    return start * max(left, 0.01)
