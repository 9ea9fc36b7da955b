"""One attention on one data set: trained by its schedule, resumable by epoch, tested once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actors.coloured.batch import ToyBatch, batch_of
from actors.coloured.result import ToyResult, result_of
from actors.coloured.schedule import Schedule
from actors.run_record import take_up
from actors.saved_state import load_state, save_state
from models.toy_network import ToyKind, ToyNetwork, correctness
from pipeline.benchmarks.coloured.dataset import ColouredData, Pair
from pipeline.benchmarks.coloured.law import ColouredLaw

_RHO, _EPSILON = 0.9, 1e-3
"""Of RMSProp as Lasagne has it, with which PAN was trained: it adds 1e-6 below the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyEpoch:
    """What an epoch came to."""

    epoch: int
    """From 1."""
    loss: float
    """Mean over the training pairs."""
    accuracy: float
    """Of the validation pairs."""
    seconds: float
    """Wall time."""


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

    def run(self, tell: Callable[[ToyEpoch], None]) -> ToyResult:
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
        optimiser = torch.optim.RMSprop(
            network.parameters(), lr=self.schedule.learning_rate, alpha=_RHO, eps=_EPSILON
        )
        epochs, best = self._resumed(network, optimiser)
        while not self._is_over(epochs):
            started = time.monotonic()
            epoch = len(epochs) + 1
            loss = self._train(network, optimiser, epoch, device)
            accuracy = self._tested(network, "validation", device).accuracy
            is_best = not epochs or accuracy > max(one.accuracy for one in epochs)
            if is_best:
                best = {name: value.cpu().clone() for name, value in network.state_dict().items()}
            seconds = time.monotonic() - started
            epochs.append(ToyEpoch(epoch=epoch, loss=loss, accuracy=accuracy, seconds=seconds))
            self._save(network, optimiser, epochs, best)
            tell(epochs[-1])
        network.load_state_dict(best)
        return self._tested(network, "test", device)

    def _is_over(self, epochs: Sequence[ToyEpoch]) -> bool:
        if len(epochs) >= self.schedule.epochs:
            return True
        if not epochs:
            return False
        best = max(epochs, key=lambda one: (one.accuracy, -one.epoch)).epoch
        return len(epochs) - best >= self.schedule.patience

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
        for batch in self._batches([pairs[index] for index in order], device):
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
            for batch in self._batches(pairs, device):
                answer = network(batch.images, batch.queries)
                right.append((answer.logits.argmax(dim=1) == batch.labels).cpu().numpy())
                if answer.masks:
                    on_ink.append(correctness(answer.masks, batch.ink).cpu().numpy())
                    in_box.append(correctness(answer.masks, batch.box).cpu().numpy())
        return result_of(pairs, right, on_ink, in_box)

    def _pairs(self, split: str) -> list[Pair]:
        return [pair for pair in self.data.pairs if pair.split == split]

    def _batches(self, pairs: Sequence[Pair], device: torch.device) -> Iterator[ToyBatch]:
        size = self.schedule.batch_size
        for start in range(0, len(pairs), size):
            yield batch_of(self.data, pairs[start : start + size], device)

    def _save(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        epochs: Sequence[ToyEpoch],
        best: dict[str, Tensor],
    ) -> None:
        save_state(
            self.out,
            {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "epochs": [asdict(one) for one in epochs],
                "best": best,
            },
        )

    def _resumed(
        self, network: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[list[ToyEpoch], dict[str, Tensor]]:
        def taken_up(saved: Mapping[str, Any]) -> tuple[list[ToyEpoch], dict[str, Tensor]]:
            network.load_state_dict(saved["network"])
            optimiser.load_state_dict(saved["optimiser"])
            return [ToyEpoch(**one) for one in saved["epochs"]], saved["best"]

        return load_state(self.out, taken_up) or ([], {})
