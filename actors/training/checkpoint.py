"""Where a training run stands, on disk after every epoch, so that a kill costs one epoch at most.

All randomness of an epoch comes from the seed and the epoch's number, so a run that is taken up again has the
loss curve of a run that was never killed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from actors.saved_state import load_state, save_state
from actors.training.learner import LearnerState


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    stage: int = 0
    """Stage to go on with."""
    epoch: int = 0
    """Epoch to go on with, counted over all stages."""
    epoch_of_stage: int = 0
    """The same, counted within the stage."""
    best_epoch: int | None = None
    """Best epoch of the stage so far, counted over all stages."""
    best_value: tuple[float, ...] | None = None
    """Its validation metric, and what decides between equals; larger is better."""

    def next_epoch(self) -> Progress:
        """After one more epoch of the same stage."""
        return replace(self, epoch=self.epoch + 1, epoch_of_stage=self.epoch_of_stage + 1)

    def next_stage(self) -> Progress:
        """At the beginning of the next stage, which looks for a best epoch of its own."""
        return Progress(stage=self.stage + 1, epoch=self.epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that the next epoch depends on."""

    progress: Progress
    """How far the run is."""
    network: dict[str, Any] = field(repr=False)
    """Weights and statistics."""
    learner: LearnerState = field(repr=False)
    """Optimiser and baseline."""


def save_checkpoint(checkpoint: Checkpoint, directory: Path) -> None:
    """Write it, atomically; the earlier one is replaced."""
    save_state(
        directory,
        {
            "progress": asdict(checkpoint.progress),
            "network": checkpoint.network,
            "learner": asdict(checkpoint.learner),
        },
    )


def load_checkpoint(directory: Path) -> Checkpoint | None:
    """The last one written, or None.

    Raises:
        ResumeError: if it cannot be read.
    """
    return load_state(
        directory,
        lambda data: Checkpoint(
            progress=Progress(**data["progress"]),
            network=data["network"],
            learner=LearnerState(**data["learner"]),
        ),
    )
