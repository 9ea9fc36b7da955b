"""What an epoch came to, and training.jsonl, which says it while training goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LOG = "training.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """How far an epoch is; written every few steps for who watches."""

    epoch: int
    """Counted over all stages, from 0."""
    steps_done: int
    """Steps done, over all epochs."""
    steps_total: int
    """Steps of the whole schedule."""
    loss: float
    """Of the last step."""
    images_per_s: float
    """Over the epoch so far, all workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFigures:
    """Means over the images of an epoch."""

    epoch: int
    """Counted over all stages, from 0."""
    stage: int
    """Which part of the schedule."""
    learning_rate: float
    """Of its last step."""
    loss: float
    """What was descended."""
    losses: dict[str, float]
    """The terms of it, by name, unweighted."""
    accuracy: float
    """Of explored training walks, 0 to 1."""
    looks: float
    """Looks per image."""
    bytes_read: int
    """Bytes transferred in training walks, all images."""
    num_failed: int
    """Training images that could not be walked."""
    validation_accuracy: float
    """0 to 1, walks without exploration."""
    validation_loss: float
    """Cross-entropy of their predictions, in nats."""
    validation_looks: float
    """Looks per image."""
    validation_num_failed: int = 0
    """Validation images that could not be walked; logs of older versions do not say."""
    is_best: bool
    """Best of its stage so far."""
    seconds: float
    """Wall time, validation included."""


def append_figures(figures: StepFigures | EpochFigures, directory: Path) -> None:
    """Add a line to the log."""
    kind = "epoch" if isinstance(figures, EpochFigures) else "step"
    with (directory / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"kind": kind, **asdict(figures)}) + "\n")


def forget_figures_from(epoch: int, directory: Path) -> None:
    """Drop what a killed run said of `epoch` and later ones; they are done again."""
    path = directory / LOG
    if path.exists():
        kept = [line for line in _lines(path) if json.loads(line)["epoch"] < epoch]
        partial = path.with_suffix(".partial")
        partial.write_text("".join(kept), encoding="utf-8")
        partial.replace(path)


def read_figures(directory: Path) -> list[EpochFigures]:
    """All epochs so far, in order."""
    path = directory / LOG
    if not path.exists():
        return []
    rows = [json.loads(line) for line in _lines(path)]
    return [EpochFigures(**_fields(row)) for row in rows if row["kind"] == "epoch"]


def best_epoch(directory: Path, stage: int) -> EpochFigures | None:
    """The best epoch of a stage; that of the last stage is the one that the model is of."""
    return max(
        (one for one in read_figures(directory) if one.stage == stage and one.is_best),
        key=lambda one: one.epoch,
        default=None,
    )


def _lines(path: Path) -> Iterator[str]:
    """Whole lines; a kill may have cut the last one."""
    with path.open(encoding="utf-8") as file:
        yield from (line for line in file if line.endswith("\n"))


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "kind"}
