"""UAN on views of rooms: trained, resumable by epoch, tested."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actors.rooms.task import PoseTask, RoomResult, RoomTask
from actors.run_record import take_up
from actors.saved_state import load_state, save_state
from models.uan.network import Uan, layer_frequencies
from models.uan.trunk import CHANNELS
from pipeline.benchmarks.rooms import RoomLaw, Views, make_views

_COLDEST = 0.2
"""Temperature of the relaxation at the end; it falls from 1 by the same factor every epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEpoch:
    """What an epoch came to."""

    epoch: int
    """From 1."""
    loss: float
    """Mean over the training views."""
    seconds: float
    """Wall time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoomExperiment:
    """Everything that decides a result."""

    law: RoomLaw
    """Of the rooms."""
    task: PoseTask | RoomTask
    """What is asked."""
    num_train: int
    """Views to learn from."""
    num_test: int
    """Others of the same rooms."""
    epochs: int
    """Passes over them."""
    out: Path
    """Directory of the checkpoint."""
    layers: tuple[str, ...] = tuple(CHANNELS)
    """To choose among; one layer is what the paper's ablation compares with."""
    num_steps: int = 3
    """Looks at a layer."""
    batch_size: int = 16
    """Views per step."""
    learning_rate: float = 3e-4
    """Of Adam; the paper does not say it."""
    seed: int = 0
    """Of rooms, weights and order."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that an epoch depends on; how many there are is among it: the temperature falls by it."""
        own = (field.name for field in fields(self) if field.name not in ("law", "task", "out"))
        return {
            "task": {"kind": type(self.task).__name__, **asdict(self.task)},
            "law": asdict(self.law),
            **{name: getattr(self, name) for name in own},
        }

    def run(self, tell: Callable[[RoomEpoch], None]) -> RoomResult:
        """Train to the end, or on from a checkpoint, and test.

        Raises:
            ResumeError: if the directory holds a run with other settings.
        """
        take_up(self.out, "rooms", self.settings)
        known = make_views(self.law, self.num_train, seed=self.seed, of=0)
        torch.manual_seed(self.seed)
        network = Uan(self.task.num_outputs(known), layers=self.layers, num_steps=self.num_steps)
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate)
        epochs = self._resumed(network, optimiser)
        mean = torch.from_numpy(known.images.mean(axis=(0, 1, 2))).to(torch.float32) / 255  # (3,)
        while len(epochs) < self.epochs:
            started = time.monotonic()
            epoch = len(epochs) + 1
            loss = self._train(network, optimiser, known, mean, epoch)
            epochs.append(RoomEpoch(epoch=epoch, loss=loss, seconds=time.monotonic() - started))
            self._save(network, optimiser, epochs)
            tell(epochs[-1])
        return self._tested(network, known, mean)

    def _train(
        self,
        network: Uan,
        optimiser: torch.optim.Optimizer,
        known: Views,
        mean: Tensor,
        epoch: int,
    ) -> float:
        # All randomness of an epoch comes from the seed and its number: a resumed run goes the same way.
        torch.manual_seed(self.seed * 100_003 + epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.num_train)
        network.train()
        network.choice.temperature = _COLDEST ** ((epoch - 1) / max(1, self.epochs - 1))
        total = 0.0
        for first in range(0, self.num_train, self.batch_size):
            part = _some(known, order[first : first + self.batch_size])
            loss = self.task.loss(network(_shown(part, mean)).outputs, part)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()
            total += float(loss.detach()) * len(part.rooms)
        return total / self.num_train

    @torch.inference_mode()
    def _tested(self, network: Uan, known: Views, mean: Tensor) -> RoomResult:
        views = make_views(self.law, self.num_test, seed=self.seed, of=1)
        network.eval()
        answers = [
            network(_shown(_some(views, np.arange(first, min(first + 32, self.num_test))), mean))
            for first in range(0, self.num_test, 32)
        ]
        outputs = torch.cat([one.outputs for one in answers])
        choices = torch.cat([one.choices for one in answers])
        shares = layer_frequencies(choices, len(self.layers))
        return replace(
            self.task.result(outputs, views, known),
            frequencies=tuple(tuple(row) for row in shares.tolist()),
        )

    def _save(
        self, network: Uan, optimiser: torch.optim.Optimizer, epochs: Sequence[RoomEpoch]
    ) -> None:
        save_state(
            self.out,
            {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "epochs": [asdict(one) for one in epochs],
            },
        )

    def _resumed(self, network: Uan, optimiser: torch.optim.Optimizer) -> list[RoomEpoch]:
        def taken_up(saved: Mapping[str, Any]) -> list[RoomEpoch]:
            network.load_state_dict(saved["network"])
            optimiser.load_state_dict(saved["optimiser"])
            return [RoomEpoch(**one) for one in saved["epochs"]]

        return load_state(self.out, taken_up) or []


def _some(views: Views, index: np.ndarray) -> Views:
    return Views(
        images=views.images[index],
        rooms=views.rooms[index],
        positions_m=views.positions_m[index],
        rotations=views.rotations[index],
    )


def _shown(views: Views, mean: Tensor) -> Tensor:
    """(B, 3, side, side), the training views' mean colour taken off."""
    pixels = torch.from_numpy(views.images).permute(0, 3, 1, 2).to(torch.float32) / 255
    return pixels - mean[:, None, None]
