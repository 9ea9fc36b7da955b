"""A network that learns the toy pictures in seconds, put into the catalogue for a test, and runs of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor, nn
from torch.nn import functional as F

from actors.checkpoint import Epoch
from actors.small_images.experiment import Experiment, Outcome
from actors.small_images.schedule import SCHEDULES
from actors.small_images.settings import Settings, claim
from models.cbam import SpatialGate
from models.small_images.catalogue import SMALL_IMAGES, SmallImageNetwork
from pipeline.benchmarks.small_images.dataset import ImageSet
from pipeline.benchmarks.small_images.splits import Splits, SplitSizes
from tests.cifar_files import toy_images

NAME = "toy"


class Toy(nn.Module):
    """Two strided convolutions, a gate, dropout, a linear layer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 5, stride=4, padding=2)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.gate = SpatialGate(3)
        self.classification = nn.Linear(16 * 16, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 32, 32) to (B, K) logits."""
        maps = F.relu(self.norm(self.first(images)))  # (B, 8, 8, 8)
        maps = self.gate(F.relu(self.second(maps)))  # (B, 16, 4, 4)
        logits: Tensor = self.classification(F.dropout(maps.flatten(1), 0.2, self.training))
        return logits


def put_into_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test."""
    spec = SmallImageNetwork(
        paper="none",
        make=Toy,
        preparation="mean_std",
        schedule="cbam",
        classifier="classification",
        gates=("gate.mask",),
    )
    monkeypatch.setitem(SMALL_IMAGES, NAME, spec)  # type: ignore[arg-type]  # a dictionary behind its type


def image_set() -> ImageSet:
    """240 pictures of four classes, and 60 for the test."""
    return ImageSet(
        name="toy",
        class_names=tuple("abcd"),
        train=toy_images(240),
        test=toy_images(60, seed=1),
    )


def settings(*, epochs: int = 4, seed: int = 3) -> Settings:
    """Of a short run."""
    base = SCHEDULES["cbam"]
    schedule = replace(base, epochs=epochs, batch_size=16, learning_rate=0.4, crop="none")
    return Settings(
        network=NAME,
        options={},
        preparation="mean_std",
        schedule=schedule,
        seed=seed,
        sizes=SplitSizes(validation=40),
        data=image_set().digest(),
        class_names=image_set().class_names,
    )


def splits() -> Splits:
    """Of any run."""
    return settings().splits_of(image_set())


def run(out: Path, tell: Callable[[Epoch], None], *, epochs: int = 4, seed: int = 3) -> Outcome:
    """Begin an experiment, or go on with it."""
    claim(out, settings(epochs=epochs, seed=seed))
    experiment = Experiment(settings=settings(epochs=epochs, seed=seed), splits=splits(), out=out)
    return experiment.run(tell)
