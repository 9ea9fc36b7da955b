"""result.json of a training of small images: what it reached and what it cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from actors.checkpoint import Epoch
from actors.small_images.experiment import Outcome
from actors.small_images.settings import Settings
from models.counts import multiplications_of
from models.small_images.preparation import SIDE_PX
from pipeline.benchmarks.small_images.splits import Splits
from pipeline.records.store.disk_store import write_atomically
from pipeline.savings.summary import Estimate, share

RESULT = "result.json"
TESTED = "the epoch with the best validation accuracy, the first of equals, once"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallImageResult:
    """Of one run."""

    network: str
    """Name in the catalogue."""
    seed: int
    """Of the run."""
    accuracy: Estimate
    """On the test images, with Wilson's 95 % interval."""
    tested: str
    """Which weights were tested, and how often."""
    tested_epoch: int
    """Its number, from 1."""
    validation_accuracy: float
    """Of that epoch."""
    num_train: int
    """Training images."""
    num_validation: int
    """Validation images."""
    test_source: str
    """Where the test images are from."""
    schedule: str
    """What of it is the paper's."""
    seconds_per_epoch: float
    """Mean wall time, validation included."""
    num_threads: int
    """Of the processor."""
    num_parameters: int
    """Trainable ones."""
    num_multiplications: int
    """Of the network for one image, its preparation left out."""
    epochs: tuple[Epoch, ...]
    """All of them."""


def result_of(settings: Settings, splits: Splits, outcome: Outcome) -> SmallImageResult:
    """Put it together; parameters and multiplications are counted on a network without data."""
    with torch.device("meta"):
        network = settings.make_network().eval().inner
        image = torch.empty(1, 3, SIDE_PX, SIDE_PX)
        num_multiplications = multiplications_of(lambda: network(image))
    return SmallImageResult(
        network=settings.network,
        seed=settings.seed,
        accuracy=share(outcome.num_right, outcome.num_tested),
        tested=TESTED,
        tested_epoch=outcome.tested.epoch,
        validation_accuracy=outcome.tested.accuracy,
        num_train=len(splits.train),
        num_validation=len(splits.validation),
        test_source=splits.test_source,
        schedule=settings.schedule.told(),
        seconds_per_epoch=sum(one.seconds for one in outcome.epochs) / len(outcome.epochs),
        num_threads=torch.get_num_threads(),
        num_parameters=sum(one.numel() for one in network.parameters()),
        num_multiplications=num_multiplications,
        epochs=outcome.epochs,
    )


def write_result(directory: Path, result: SmallImageResult) -> str:
    """Whole or not there; its text comes back."""
    text = json.dumps(asdict(result), indent=2) + "\n"
    write_atomically(directory / RESULT, text.encode())
    return text
