"""Which way to put looks together: every aggregation on the same looks of the same trained network.

    python -m tests.benchmarks.aggregations ARCHIVE MODEL --out DIR [--seeds 0,1,2] [--epochs 30] [--only KIND,...]

The model walks every image of the archive once, and the features of its looks are kept. Each aggregation then
learns from those of the training split alone; its epoch is chosen on the validation split, and the test split is
looked at once. So the table says what an aggregation makes of given looks, not what a network trained through it
would come to.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actors.model_directory import ModelDirectory, open_model
from actors.model_loading import CPU_BATCH_SIZE, network_of
from actors.model_runner import ModelRunner
from models.aggregation import Aggregation
from models.network_config import NetworkConfig
from models.pooling import pooling_of
from pipeline.image_record import ImageRecord
from pipeline.images.tile_cache import TileCache
from pipeline.manifest import read_manifest
from pipeline.walk.opening import open_image_walk
from pipeline.walk.walk import walk

KINDS = (
    "mean",
    "weighting",
    "attention_pc",
    "attention_gated",
    "attention_dp",
    "class_token",
    "saol",
    "conv_lstm",
    "evidence",
)
SPLITS = ("train", "validation", "test")
_LEARNING_RATE, _BATCH = 0.002, 32
_SINGLE_SHARE = 0.5
"""Of the loss: every look by itself, as in t1.yaml."""


class Remembering(Aggregation):
    """A trained aggregation that keeps the features, too."""

    def __init__(self, inner: Aggregation) -> None:
        super().__init__(inner.classification)
        self.inner = inner
        self.num_features = 0

    def keep(self, features: Tensor, positions: Tensor) -> Tensor:
        self.num_features = features.shape[1]
        return torch.cat([self.inner.keep(features, positions), features], dim=1)

    def combine(self, kept: Tensor) -> Tensor:
        return self.inner.combine(kept[:, : -self.num_features])

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        return self.inner.log_probs(kept[:, : -self.num_features], image_of, num_images)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """Of all images of a split; those of an image stand together."""

    features: Tensor
    """(M, D)."""
    positions: Tensor
    """(M, 3)."""
    image_of: Tensor
    """(M,)."""
    labels: Tensor
    """(N,)."""

    def of(self, images: Tensor) -> Looks:
        """Those of some images, renumbered."""
        order = torch.full((len(self.labels),), -1)
        order[images] = torch.arange(len(images))
        mine = order[self.image_of]
        rows = torch.nonzero(mine >= 0)[:, 0]
        rows = rows[mine[rows].argsort(stable=True)]
        return Looks(
            features=self.features[rows],
            positions=self.positions[rows],
            image_of=mine[rows],
            labels=self.labels[images],
        )


def main() -> None:
    """Walk, learn, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("manifest", type=Path)
    parser.add_argument("model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--test", type=Path, help="manifest of the test images, if another")
    parser.add_argument("--only", default=",".join(KINDS))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    model = open_model(asked.model)
    torch.set_num_threads(1)
    splits = {name: _looks(asked, model, name) for name in SPLITS}
    print("| aggregation | parameters | right, by seed | per look by itself | us for all looks |")
    print("|---|---|---|---|---|")
    for kind in asked.only.split(","):
        print(_line(kind, model, splits, asked), flush=True)


def _looks(asked: argparse.Namespace, model: ModelDirectory, split: str) -> Looks:
    """From a file, or by walking."""
    path: Path = asked.out / f"{split}.pt"
    if not path.exists():
        manifest = asked.test if split == "test" and asked.test else asked.manifest
        records = [one for one in read_manifest(str(manifest)).records if one.split == split]
        torch.save(_walked(records, model), path)
    features, positions, image_of, labels = torch.load(path, weights_only=True)
    return Looks(features=features, positions=positions, image_of=image_of, labels=labels)


def _walked(records: list[ImageRecord], model: ModelDirectory) -> tuple[Tensor, ...]:
    network = network_of(model)
    network.aggregation = Remembering(network.aggregation)
    runner = ModelRunner(
        network,
        num_classes=len(model.config.class_names),
        device=torch.device("cpu"),
        batch_size=CPU_BATCH_SIZE,
    )
    features, positions, image_of, labels = [], [], [], []
    cache = TileCache(1 << 26)
    for number, record in enumerate(records):
        image = open_image_walk(record, model.config.plan, combine=runner.combine, cache=cache)
        walk(image, runner)
        image.close()
        for look in image.traversal.looks:
            at = look.glimpse.position
            features.append(look.kept[-network.aggregation.num_features :])
            positions.append((at.y, at.x, at.depth))
            image_of.append(number)
        labels.append(model.config.class_names.index(str(record.label)))
    return (
        torch.from_numpy(np.stack(features)),
        torch.tensor(positions),
        torch.tensor(image_of),
        torch.tensor(labels),
    )


def _line(
    kind: str, model: ModelDirectory, splits: dict[str, Looks], asked: argparse.Namespace
) -> str:
    rights, singles, number, seconds = [], [], 0, 0.0
    for seed in map(int, asked.seeds.split(",")):
        one = _learned(_made(kind, model, seed), splits, seed, asked.epochs)
        test = splits["test"]
        rights.append(_right(one, test))
        kept = one.keep(test.features, test.positions)
        alone = one.look_log_probs(kept, len(model.config.class_names)).argmax(dim=1)
        deepest = test.positions[:, 2] == test.positions[:, 2].max()
        singles.append(float((alone == test.labels[test.image_of])[deepest].float().mean()))
        number = sum(part.numel() for part in one.parameters())
        seconds = _timed(one, test)
    shown = ", ".join(f"{right:.1%}" for right in rights)
    return f"| {kind} | {number:,} | {shown} | {np.mean(singles):.1%} | {1e6 * seconds:.0f} |"


def _made(kind: str, model: ModelDirectory, seed: int) -> Aggregation:
    torch.manual_seed(seed)
    width = network_of(model).aggregation.classification
    num_features = next(part.in_features for part in width.modules() if isinstance(part, nn.Linear))
    num_classes = len(model.config.class_names)
    network = NetworkConfig(aggregation=kind, num_depths=model.config.network.num_depths)  # type: ignore[arg-type]  # a kind by name
    classification = nn.Linear(num_features, num_classes)
    return pooling_of(
        network,
        classification,
        num_features=num_features,
        num_classes=num_classes,
        grid=model.config.walk.grid,
    )


def _learned(one: Aggregation, splits: dict[str, Looks], seed: int, epochs: int) -> Aggregation:
    """The weights of the epoch that is best on the validation split, the first of equals."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(one.parameters(), lr=_LEARNING_RATE)
    best, weights = -1.0, {}
    for _ in range(epochs):
        one.train()
        for batch in _batches(splits["train"], generator):
            kept = one.keep(batch.features, batch.positions)
            whole = one.log_probs(kept, batch.image_of, len(batch.labels))
            alone = one.look_log_probs(kept, whole.shape[1])
            deep = batch.positions[:, 2] >= 1
            loss = (1 - _SINGLE_SHARE) * F.nll_loss(whole, batch.labels)
            loss = loss + _SINGLE_SHARE * F.nll_loss(
                alone[deep], batch.labels[batch.image_of[deep]]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        right = _right(one, splits["validation"])
        if right > best:
            best, weights = right, {name: part.clone() for name, part in one.state_dict().items()}
    one.load_state_dict(weights)
    return one.eval()


def _batches(looks: Looks, generator: torch.Generator) -> Iterator[Looks]:
    order = torch.randperm(len(looks.labels), generator=generator)
    for first in range(0, len(order), _BATCH):
        yield looks.of(order[first : first + _BATCH])


@torch.no_grad()
def _right(one: Aggregation, looks: Looks) -> float:
    one.eval()
    kept = one.keep(looks.features, looks.positions)
    said = one.log_probs(kept, looks.image_of, len(looks.labels)).argmax(dim=1)
    return float((said == looks.labels).float().mean())


@torch.no_grad()
def _timed(one: Aggregation, looks: Looks) -> float:
    """Median seconds to keep and combine the looks of an image."""
    times = []
    for image in range(min(50, len(looks.labels))):
        mine = looks.of(torch.tensor([image]))
        began = time.perf_counter()
        one.combine(one.keep(mine.features, mine.positions))
        times.append(time.perf_counter() - began)
    return float(np.median(times))


if __name__ == "__main__":
    main()
