"""What each way to put looks together costs a walk and a training step, in one run.

    python -m tests.benchmarks.aggregation_times [--rounds 100]

Looks of no meaning, 25 an image as on megapixel-MNIST, for a `tnet_small` of ten classes, on one thread, in processor
time. A walk keeps what it needs of each look, and asks for the predictions; a training step takes 32 images forward
and back. Rounds take turns, so that what else the machine does befalls all alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from models.aggregation import Aggregation
from models.build import build_model
from models.catalogue.part import COUNTED_IN, NUM_LOOKS, PARTS
from models.network_config import NetworkConfig

_NUM_CLASSES, _NUM_FEATURES, _CELLS_A_SIDE, _NUM_IMAGES = 10, 64, 7, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One aggregation, and what it took."""

    name: str
    """In a config."""
    aggregation: Aggregation
    """With weights of no meaning."""
    walk_s: list[float] = field(default_factory=list)
    """Of one image, a round each."""
    step_s: list[float] = field(default_factory=list)
    """Of `_NUM_IMAGES`, a round each."""

    def take_turn(self) -> None:
        """One round of both."""
        features, positions = _looks(1)
        with torch.inference_mode():
            self.walk_s.append(
                _seconds(
                    lambda: self.aggregation.combine(self.aggregation.keep(features, positions))
                )
            )
        self.step_s.append(_seconds(self._step))

    def row(self, beside: Timed) -> str:
        """Medians, and how many times those of another they are."""
        walk, step = np.median(self.walk_s), np.median(self.step_s)
        of_walk, of_step = walk / np.median(beside.walk_s), step / np.median(beside.step_s)
        return f"| `{self.name}` | {1e6 * walk:.0f} | {of_walk:.1f} | {1e3 * step:.1f} | {of_step:.1f} |"

    def _step(self) -> None:
        features, positions = _looks(_NUM_IMAGES)
        kept = self.aggregation.keep(features.requires_grad_(), positions)
        image_of = torch.arange(_NUM_IMAGES).repeat_interleave(NUM_LOOKS)
        self.aggregation.log_probs(kept, image_of, _NUM_IMAGES).mean().backward()


def main() -> None:
    """Take turns, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name, part in PARTS if part.role == "aggregation" and name != "likeness"]
    everyone = [Timed(name=name, aggregation=_made(name)) for name in names]
    for _ in range(asked.rounds):
        for one in everyone:
            one.take_turn()
    print(
        "| aggregation | us for the looks of an image | times `mean` | ms for a step | times `mean` |"
    )
    print("|---|---|---|---|---|")
    for one in everyone:
        print(one.row(beside=everyone[0]))


def _made(name: str) -> Aggregation:
    network = NetworkConfig(aggregation=name)  # type: ignore[arg-type]  # a kind by name
    model = build_model(COUNTED_IN, num_classes=_NUM_CLASSES, num_bands=1, network=network)
    return model.eval().aggregation


def _looks(num_images: int) -> tuple[Tensor, Tensor]:
    """(M, D) features and (M, 3) positions: one look at the root, the others one depth below it."""
    features = torch.randn(num_images * NUM_LOOKS, _NUM_FEATURES)
    number = torch.arange(NUM_LOOKS)
    depth = (number > 0).long()
    cell = (number - 1).clamp_min(0)
    positions = torch.stack([cell // _CELLS_A_SIDE, cell % _CELLS_A_SIDE, depth], dim=1)
    return features, positions.repeat(num_images, 1)


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
