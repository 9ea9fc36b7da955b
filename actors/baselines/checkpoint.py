"""Where a run stands, on disk after every epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from actors.saved_state import load_state, save_state


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineEpoch:
    """What an epoch came to."""

    epoch: int
    """From 1."""
    stage: int
    """From 1."""
    loss: float
    """Mean over the training images."""
    accuracy: float
    """Of the validation split."""
    seconds: float
    """Wall time."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    epochs: list[BaselineEpoch] = field(default_factory=list)
    """Those that are over."""
    best: Mapping[str, Tensor] = field(default_factory=dict)
    """Weights of the best epoch of the last stage; empty before it."""


def save(
    directory: Path, progress: Progress, network: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Write all that the next epoch depends on, atomically."""
    save_state(
        directory,
        {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "epochs": [asdict(one) for one in progress.epochs],
            "best": dict(progress.best),
        },
    )


def resumed(directory: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> Progress:
    """What an earlier run left, its weights loaded; nothing where there is none.

    Raises:
        ResumeError: if it cannot be read.
    """

    def taken_up(saved: Mapping[str, Any]) -> Progress:
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        epochs = [BaselineEpoch(**one) for one in saved["epochs"]]
        return Progress(epochs=epochs, best=saved["best"])

    return load_state(directory, taken_up) or Progress()
