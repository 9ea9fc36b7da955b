"""One network on one set of small images: trained by its paper's schedule, resumable by epoch, tested once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from actors.checkpoint import (
    Checkpoint,
    Epoch,
    best_of,
    checkpoint_after,
    load_checkpoint,
    save_checkpoint,
)
from actors.precision import use
from actors.small_images.batches import batches_of, varied_batches
from actors.small_images.evaluation import chosen_device, classified_rightly, on_device
from actors.small_images.settings import Settings
from models.small_images.network import WholeImageNetwork
from pipeline.benchmarks.small_images.dataset import LabelledImages
from pipeline.benchmarks.small_images.splits import Splits
from pipeline.errors import UsageError

_EPOCH_SEEDS = 100_003
"""Seeds of two runs' epochs are never the same for fewer epochs than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of a finished run."""

    epochs: tuple[Epoch, ...]
    """All of them."""
    tested: Epoch
    """That whose weights were tested: the one with the best validation accuracy, the first of equals."""
    num_right: int
    """Test images that it classified rightly."""
    num_tested: int
    """Test images."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experiment:
    """Everything that decides a result.

    Raises:
        UsageError: if there are fewer training images than a batch has.
        ModelError: if the network does not take its options.
    """

    settings: Settings
    """Network, schedule and seed."""
    splits: Splits
    """Images."""
    out: Path
    """Directory of the checkpoint."""

    def __post_init__(self) -> None:
        size = self.settings.schedule.batch_size
        if len(self.splits.train) < size:
            raise UsageError(
                f"{len(self.splits.train)} training images, less than a batch of {size}; give a smaller "
                "--batch-size"
            )
        with torch.device("meta"):
            self.settings.make_network()  # for what it says of options that it does not take

    def run(self, tell: Callable[[Epoch], None]) -> Outcome:
        """Train to the end, or on from a checkpoint, and test the best epoch.

        Raises:
            ResumeError: if the checkpoint cannot be read.
        """
        saved = load_checkpoint(self.out)
        network, optimiser = self._set_up(saved)
        last = self._trained(network, optimiser, saved, tell)
        network.load_state_dict(dict(last.best))
        size = self.settings.schedule.batch_size
        right = classified_rightly(network, self.splits.test, size)
        return Outcome(
            epochs=last.epochs,
            tested=best_of(last.epochs),
            num_right=int(right.sum()),
            num_tested=len(right),
        )

    def _set_up(self, saved: Checkpoint | None) -> tuple[WholeImageNetwork, torch.optim.Optimizer]:
        """As at the start, or as they were saved."""
        torch.manual_seed(self.settings.seed)
        network = self.settings.make_network()
        if saved is None:
            network.fit_preparation(_all_of(self.splits.train))
        network = on_device(network)
        optimiser = self.settings.schedule.make_optimiser(network.parameters())
        if saved is not None:
            network.load_state_dict(dict(saved.network))
            optimiser.load_state_dict(dict(saved.optimiser))
        return network, optimiser

    def _trained(
        self,
        network: WholeImageNetwork,
        optimiser: torch.optim.Optimizer,
        last: Checkpoint | None,
        tell: Callable[[Epoch], None],
    ) -> Checkpoint:
        """The checkpoint of the last epoch."""
        while last is None or len(last.epochs) < self.settings.schedule.epochs:
            number = 1 if last is None else len(last.epochs) + 1
            epoch = self._one_epoch(network, optimiser, number)
            last = checkpoint_after(epoch, last, network, optimiser)
            save_checkpoint(self.out, last)
            tell(epoch)
        return last

    def _one_epoch(
        self, network: WholeImageNetwork, optimiser: torch.optim.Optimizer, number: int
    ) -> Epoch:
        started = time.monotonic()
        loss = self._train(network, optimiser, number)
        size = self.settings.schedule.batch_size
        right = classified_rightly(network, self.splits.validation, size)
        seconds = time.monotonic() - started
        return Epoch(epoch=number, loss=loss, accuracy=float(right.mean()), seconds=seconds)

    def _train(
        self,
        network: WholeImageNetwork,
        optimiser: torch.optim.Optimizer,
        number: int,
    ) -> float:
        # All randomness of an epoch comes from the seed and its number: a resumed run goes the same way.
        schedule, seed = self.settings.schedule, self.settings.seed
        torch.manual_seed(seed * _EPOCH_SEEDS + number)
        steps_per_epoch = len(self.splits.train) // schedule.batch_size
        network.train()
        total = 0.0
        batches = varied_batches(
            self.splits.train,
            schedule.batch_size,
            schedule.crop,
            (seed, number),
            chosen_device(),
        )
        for index, batch in enumerate(batches):
            step = (number - 1) * steps_per_epoch + index
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate_at(step, steps_per_epoch)
            with use(schedule.precision, batch.images.device):
                loss = network.loss(batch.images, batch.labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()
            total += float(loss.detach())
        return total / steps_per_epoch


def _all_of(images: LabelledImages) -> torch.Tensor:
    """(N, 3, H, W) values 0 to 1."""
    [batch] = batches_of(images, len(images), torch.device("cpu"))
    return batch.images
