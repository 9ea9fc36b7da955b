"""How the toy network is trained: PAN's schedule, or a shorter one."""

from __future__ import annotations

from dataclasses import dataclass

from actors.checkpoint import Epoch, best_of
from actors.model_directory import Precision
from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """PAN's own, but for the number of epochs that one has time for."""

    epochs: int = 300
    """At most."""
    patience: int = 50
    """Epochs without a better validation accuracy after which it ends."""
    batch_size: int = 200
    """Pairs per step."""
    learning_rate: float = 0.003
    """Of RMSProp."""
    decay: float = 1 / 1.5
    """Factor of the learning rate at `decay_from` and every `decay_every` epochs after."""
    decay_from: int = 31
    """First epoch with a smaller rate, counted from 1."""
    decay_every: int = 12
    """Epochs between."""
    max_norm: float = 5.0
    """Gradients are clipped to this total norm."""
    precision: Precision = "float32"
    """What a training step computes in; weights, and every test, stay float32."""

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise UsageError(f"--learning-rate {self.learning_rate}: above 0")

    def rate_of(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 1."""
        steps = 0 if epoch < self.decay_from else 1 + (epoch - self.decay_from) // self.decay_every
        return self.learning_rate * self.decay**steps

    def is_over(self, epochs: tuple[Epoch, ...]) -> bool:
        """Whether so many, one at least, are enough."""
        too_long = len(epochs) - best_of(epochs).epoch >= self.patience
        return too_long or len(epochs) >= self.epochs
