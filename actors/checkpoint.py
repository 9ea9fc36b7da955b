"""A training after an epoch, whole on disk or not there; of networks that are chosen by their best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

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


def checkpoint_after(
    epoch: Epoch, last: Checkpoint | None, network: nn.Module, optimiser: torch.optim.Optimizer
) -> Checkpoint:
    """What follows `last` when an epoch is over; the weights are kept apart if it is the best so far."""
    epochs = (epoch,) if last is None else (*last.epochs, epoch)
    state = network.state_dict()
    if last is None or best_of(epochs) == epoch:
        best: Mapping[str, Tensor] = {name: one.cpu().clone() for name, one in state.items()}
    else:
        best = last.best
    return Checkpoint(epochs=epochs, network=state, optimiser=optimiser.state_dict(), best=best)


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
