"""A training after an epoch, whole on disk or not there; of networks that are chosen by their best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from actors.saved_state import load_state, save_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What an epoch came to."""

    epoch: int
    """From 1."""
    loss: float
    """Mean over the training items that it took, varied as they were."""
    accuracy: float
    """Of the validation split."""
    seconds: float
    """Wall time, validation included."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """All that the next epoch depends on; everything random comes from the seed and its number."""

    epochs: tuple[Epoch, ...]
    """So far."""
    network: Mapping[str, Tensor]
    """Its state."""
    optimiser: Mapping[str, Any]
    """Its state."""
    best: Mapping[str, Tensor]
    """The network's state after the epoch with the best validation accuracy, the first of equals."""


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """It takes the place of the one before when it is whole."""
    save_state(
        directory,
        {
            "epochs": [asdict(one) for one in checkpoint.epochs],
            "network": checkpoint.network,
            "optimiser": checkpoint.optimiser,
            "best": checkpoint.best,
        },
    )


def load_checkpoint(directory: Path) -> Checkpoint | None:
    """The last one written, on the CPU, or None.

    Raises:
        ResumeError: if it cannot be read.
    """
    return load_state(
        directory,
        lambda data: Checkpoint(
            epochs=tuple(Epoch(**one) for one in data["epochs"]),
            network=data["network"],
            optimiser=data["optimiser"],
            best=data["best"],
        ),
    )


def best_of(epochs: tuple[Epoch, ...]) -> Epoch:
    """That with the best validation accuracy, the first of equals."""
    return max(epochs, key=lambda one: (one.accuracy, -one.epoch))
