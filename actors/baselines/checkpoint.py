"""Where a run stands, on disk after every epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.errors import ResumeError

NAME = "checkpoint.pt"


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
    path: Path, progress: Progress, network: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Write all that the next epoch depends on, atomically."""
    partial = path.with_name(f".{path.name}.partial")
    torch.save(
        {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "epochs": [asdict(one) for one in progress.epochs],
            "best": dict(progress.best),
        },
        partial,
    )
    partial.replace(path)


def resumed(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> Progress:
    """What an earlier run left, its weights loaded; nothing where there is none.

    Raises:
        ResumeError: if it cannot be read.
    """
    if not path.exists():
        return Progress()
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        epochs = [BaselineEpoch(**one) for one in saved["epochs"]]
        return Progress(epochs=epochs, best=saved["best"])
    except Exception as error:  # torch raises whatever the pickle in it does
        raise ResumeError(
            f"{path}: cannot be read ({type(error).__name__}: {error}); remove it to start again"
        ) from error
