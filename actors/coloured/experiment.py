"""One attention on one data set: trained by its schedule, resumable by epoch, tested once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actors.checkpoint import (
    Checkpoint,
    Epoch,
    best_of,
    checkpoint_after,
    load_checkpoint,
    save_checkpoint,
)
from actors.coloured.batch import batch_of, targets_of
from actors.coloured.result import ToyResult, result_of
from actors.coloured.schedule import Schedule
from actors.precision import use
from actors.run_record import take_up
from models.toy_network import ToyKind, ToyNetwork, correctness
from pipeline.benchmarks.coloured.dataset import ColouredData, Pair
from pipeline.benchmarks.coloured.law import ColouredLaw

_RHO, _EPSILON = 0.9, 1e-3
"""Of RMSProp as Lasagne has it, with which PAN was trained: it adds 1e-6 below the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyOutcome:
    """What an experiment came to."""

    tested: ToyResult
    """The best epoch on the test split."""
    best_epoch: int
    """That with the best validation accuracy, the first of equals."""
    epochs: tuple[Epoch, ...]
    """All of them."""
    parameters: int
    """Of the network."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experiment:
    """Everything that decides a result."""

    data: ColouredData
    """Images and pairs."""
    law: ColouredLaw
    """Of the images."""
    kind: ToyKind
    """Attention."""
    schedule: Schedule
    """Of training."""
    seed: int
    """Of weights, order and dropout."""
    out: Path
    """Directory of the checkpoint."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that an epoch depends on; how many there are is not among it."""
        schedule = asdict(self.schedule)
        unbound = {name: schedule[name] for name in schedule.keys() - {"epochs", "patience"}}
        return {
            "attention": self.kind,
            "seed": self.seed,
            "schedule": unbound,
            "law": asdict(self.law),
            "data.sha256": self.data.sha256,
        }

    def run(self, tell: Callable[[Epoch], None]) -> ToyOutcome:
        """Train to the end, or on from a checkpoint, and test the best epoch.

        Raises:
            ResumeError: if the directory holds a run with other settings.
        """
        take_up(self.out, "attention", self.settings)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(self.seed)
        network = ToyNetwork(
            self.kind,
            num_queries=self.law.num_queries,
            num_answers=self.law.num_answers,
            num_layers=5 if self.law.canvas_px >= 200 else 4,
        ).to(device)
        # As the images lie: 1.6 times as fast on processors.
        network.to(memory_format=torch.channels_last)
        optimiser = torch.optim.RMSprop(
            network.parameters(), lr=self.schedule.learning_rate, alpha=_RHO, eps=_EPSILON
        )
        last = self._trained(network, optimiser, device, tell)
        network.load_state_dict(dict(last.best))
        return ToyOutcome(
            tested=self._tested(network, "test", device),
            best_epoch=best_of(last.epochs).epoch,
            epochs=last.epochs,
            parameters=sum(weight.numel() for weight in network.parameters()),
        )

    def _trained(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        device: torch.device,
        tell: Callable[[Epoch], None],
    ) -> Checkpoint:
        """The checkpoint of the last epoch."""
        last = load_checkpoint(self.out)
        if last is not None:
            network.load_state_dict(dict(last.network))
            optimiser.load_state_dict(dict(last.optimiser))
        while last is None or not self.schedule.is_over(last.epochs):
            number = 1 if last is None else len(last.epochs) + 1
            epoch = self._one_epoch(network, optimiser, number, device)
            last = checkpoint_after(epoch, last, network, optimiser)
            save_checkpoint(self.out, last)
            tell(epoch)
        return last

    def _one_epoch(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        number: int,
        device: torch.device,
    ) -> Epoch:
        started = time.monotonic()
        loss = self._train(network, optimiser, number, device)
        accuracy = self._tested(network, "validation", device).accuracy
        seconds = time.monotonic() - started
        return Epoch(epoch=number, loss=loss, accuracy=accuracy, seconds=seconds)

    def _train(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, epoch: int, device: torch.device
    ) -> float:
        # All randomness of an epoch comes from the seed and its number: a resumed run goes the same way.
        torch.manual_seed(self.seed * 100_003 + epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self._pairs("train")))
        for group in optimiser.param_groups:
            group["lr"] = self.schedule.rate_of(epoch)
        network.train()
        total = 0.0
        pairs = self._pairs("train")
        for some in self._batches([pairs[index] for index in order]):
            batch = batch_of(self.data, some, device)
            with use(self.schedule.precision, device):
                answer = network(batch.images, batch.queries)
                loss: Tensor = F.cross_entropy(answer.logits, batch.labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            nn.utils.clip_grad_norm_(network.parameters(), self.schedule.max_norm)
            optimiser.step()
            total += float(loss.detach()) * len(batch.labels)
        return total / len(order)

    def _tested(self, network: nn.Module, split: str, device: torch.device) -> ToyResult:
        network.eval()
        pairs = self._pairs(split)
        right, on_ink, in_box = [], [], []
        with torch.inference_mode():
            for some in self._batches(pairs):
                batch = batch_of(self.data, some, device)
                answer = network(batch.images, batch.queries)
                right.append((answer.logits.argmax(dim=1) == batch.labels).cpu().numpy())
                if answer.masks:
                    targets = targets_of(self.data, some, device)
                    on_ink.append(correctness(answer.masks, targets.ink).cpu().numpy())
                    in_box.append(correctness(answer.masks, targets.box).cpu().numpy())
        return result_of(pairs, right, on_ink, in_box)

    def _pairs(self, split: str) -> list[Pair]:
        return [pair for pair in self.data.pairs if pair.split == split]

    def _batches(self, pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
        size = self.schedule.batch_size
        for start in range(0, len(pairs), size):
            yield pairs[start : start + size]
