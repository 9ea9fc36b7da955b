"""How the papers train, and the same in fewer epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import nn

from actors.model_directory import Precision
from models.small_images.catalogue import ScheduleName
from pipeline.errors import UsageError

Curve: TypeAlias = Literal["cosine", "steps"]
"""How a learning rate falls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Of one training.

    The learning rate belongs to the paper's batch; another batch size scales it in proportion. Fewer epochs shrink the
    whole curve in proportion, so the last ones are as fine as the paper's.
    """

    paper_epochs: int
    """That the curve is written for."""
    epochs: int
    """That are trained."""
    paper_batch_size: int
    """That the learning rate is written for."""
    batch_size: int
    """Images per step; a last batch with fewer is left out."""
    learning_rate: float
    """At the start, with the paper's batch."""
    weight_decay: float
    """Factor of the weights that is added to their gradient (AdamW: taken off the weights)."""
    optimiser: Literal["sgd", "adamw"] = "sgd"
    """Which."""
    momentum: float = 0.9
    """Of SGD."""
    dampening: float = 0.0
    """Of SGD; Torch's default is its momentum, which makes a learning rate of 1 one of 0.1."""
    nesterov: bool = False
    """Of SGD."""
    decay_per_step: float = 0.0
    """The rate is divided by 1 + this times the steps taken (Torch's learning rate decay)."""
    curve: Curve = "steps"
    """How the rate falls."""
    falls_after: tuple[int, ...] = ()
    """Of the paper's epochs, for `steps`."""
    fall: float = 1.0
    """Factor of each fall."""
    crop: Literal["none", "zeros", "reflected"] = "none"
    """What 4 px around an image hold before 32 px are cut out again; half of each batch is also mirrored."""
    dropout: float = 1.0
    """Share (0 to 1) of the network's dropout that is used."""
    precision: Precision = "float32"
    """What a training step computes in; weights, and every test, stay float32."""

    def rate_at(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of a step, counted from 0 over all epochs."""
        share = step / (steps_per_epoch * self.epochs)
        factor = (1 + math.cos(math.pi * share)) / 2
        if self.curve == "steps":
            reached = share * self.paper_epochs
            factor = self.fall ** sum(reached >= epoch for epoch in self.falls_after)
        scaled = self.learning_rate * self.batch_size / self.paper_batch_size
        return scaled * factor / (1 + self.decay_per_step * step)

    def make_optimiser(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Its rate is to be set before every step."""
        if self.optimiser == "adamw":
            return torch.optim.AdamW(
                parameters, lr=self.learning_rate, weight_decay=self.weight_decay
            )
        return torch.optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=self.momentum,
            dampening=self.dampening,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
        )

    def told(self) -> str:
        """What is the paper's and what was changed, in a line."""
        parts = [f"{self.epochs} of the paper's {self.paper_epochs} epochs"]
        if self.epochs != self.paper_epochs:
            parts.append(f"the {self.curve} of the learning rate shrunk in proportion")
        scale = self.batch_size / self.paper_batch_size
        parts.append(f"learning rate {self.learning_rate * scale:g} at the start")
        if self.batch_size != self.paper_batch_size:
            parts.append(
                f"scaled from {self.learning_rate:g} for batches of {self.batch_size} instead of "
                f"{self.paper_batch_size}"
            )
        if self.dropout != 1:
            parts.append(f"{self.dropout:g} of the network's dropout")
        if self.precision != "float32":
            parts.append(f"computed in {self.precision}")
        return ", ".join(parts)


SCHEDULES: Mapping[ScheduleName, Schedule] = {
    "ltpa": Schedule(
        paper_epochs=300,
        epochs=300,
        paper_batch_size=128,
        batch_size=128,
        learning_rate=1.0,
        weight_decay=5e-4,
        dampening=0.9,
        decay_per_step=1e-7,
        falls_after=tuple(range(25, 300, 25)),
        fall=0.5,
    ),
    "rn164": Schedule(
        paper_epochs=200,
        epochs=200,
        paper_batch_size=64,
        batch_size=64,
        learning_rate=0.1,
        weight_decay=5e-4,
        nesterov=True,
        falls_after=(60, 120, 160),
        fall=0.2,
        crop="reflected",
    ),
    "cbam": Schedule(
        paper_epochs=200,
        epochs=200,
        paper_batch_size=128,
        batch_size=128,
        learning_rate=0.1,
        weight_decay=5e-4,
        curve="cosine",
        crop="zeros",
    ),
    "adamw": Schedule(
        paper_epochs=200,
        epochs=200,
        paper_batch_size=128,
        batch_size=128,
        learning_rate=1e-3,
        weight_decay=0.05,
        optimiser="adamw",
        curve="cosine",
        crop="zeros",
    ),
}
"""`ltpa` and `rn164` are Learn to Pay Attention's (A.3, and the authors' code). `cbam` is what is common for ResNet18
on CIFAR: its authors published no training on it. `adamw` is ours: PatchConvNet's is for ImageNet."""


def schedule_of(
    name: ScheduleName,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    curve: Curve | None = None,
    dropout: float = 1.0,
    precision: Precision = "float32",
) -> Schedule:
    """A paper's schedule, with some of it changed; a learning rate belongs to the paper's batch size.

    Raises:
        UsageError: if a number is not above 0, or the rate is to fall in steps where no paper says when.
    """
    schedule = SCHEDULES[name]
    changed = replace(
        schedule,
        epochs=schedule.epochs if epochs is None else epochs,
        batch_size=schedule.batch_size if batch_size is None else batch_size,
        learning_rate=schedule.learning_rate if learning_rate is None else learning_rate,
        curve=schedule.curve if curve is None else curve,
        dropout=dropout,
        precision=precision,
    )
    if changed.epochs < 1 or changed.batch_size < 2 or changed.learning_rate <= 0:
        raise UsageError(
            f"{changed.epochs} epochs of batches of {changed.batch_size} at a learning rate of "
            f"{changed.learning_rate}; wanted 1 epoch, batches of 2 and a rate above 0 at least"
        )
    if changed.curve == "steps" and not changed.falls_after:
        raise UsageError(
            "--curve steps: for this network no epochs are published at which the rate falls; "
            "give --curve cosine, or leave it out"
        )
    return changed
