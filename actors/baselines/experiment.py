"""One baseline on one archive: learn, choose the epoch by the validation split, test it once. Resumable by epoch."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actors.baselines.baseline import Baseline
from actors.baselines.checkpoint import BaselineEpoch, Progress, resumed, save
from actors.baselines.config import BaselineConfig
from actors.baselines.dram_baseline import DramBaseline
from actors.baselines.open_image import OpenImage, Reading, open_images
from actors.baselines.result import BaselineResult, Tested, result_of
from actors.baselines.saccader_baseline import SaccaderBaseline
from actors.run_record import take_up
from actors.training.config import OptimiserConfig
from actors.training.schedule import learning_rate, num_steps, seed_of, steps_of_epoch
from actors.training.training_data import TrainingData
from pipeline.benchmarks.score import Score
from pipeline.image_record import ImageRecord
from pipeline.images.tile_cache import TileCache

CACHE_BYTES = 256 << 20
"""Of decoded tiles; glimpses of one image share them."""
_DECAY = OptimiserConfig(decay="linear", decay_from=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineData:
    """The archive."""

    learned: TrainingData
    """Images to learn from and to choose by."""
    test: tuple[ImageRecord, ...]
    """Images of the one test."""

    @property
    def sha256(self) -> str:
        """Of all rows."""
        parts = (self.learned.train, self.learned.validation, self.test)
        rows = [[(one.sample_id, one.image_path, one.label) for one in part] for part in parts]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


class Experiment:
    """A run into a directory.

    Args:
        config: what was asked for.
        data: the archive.
        out: where checkpoint and settings are kept.
    """

    def __init__(self, config: BaselineConfig, data: BaselineData, out: Path) -> None:
        self._config = config
        self._data = data
        self._out = out
        self._cache = TileCache(CACHE_BYTES)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._baseline = _baseline(config, len(data.learned.class_names), self._device)

    def run(self, tell: Callable[[BaselineEpoch], None]) -> BaselineResult:
        """Train to the end, or on from a checkpoint, and test the best epoch of the last stage.

        Raises:
            ResumeError: if the directory holds a run with other settings.
            UsageError: if an image cannot be read, or images do not suit the network.
            ModelError: if there are fewer positions than glimpses.
        """
        self._claim()
        network = self._baseline.network
        optimiser = torch.optim.Adam(network.parameters(), lr=self._config.learning_rate)
        progress = resumed(self._out, network, optimiser)
        while len(progress.epochs) < self._config.epochs:
            self._run_epoch(progress, optimiser)
            save(self._out, progress, network, optimiser)
            tell(progress.epochs[-1])
        network.load_state_dict(progress.best)
        tested = self._tested(self._data.test)
        with self._opened(self._data.test[:1]) as [image]:
            cost = self._baseline.cost(image)
        return result_of(tested, cost, _best(progress.epochs).epoch)

    def _claim(self) -> None:
        settings: dict[str, Any] = {**self._config.settings, "data.sha256": self._data.sha256}
        take_up(self._out, "baseline", settings)

    def _run_epoch(self, progress: Progress, optimiser: torch.optim.Optimizer) -> None:
        started, epoch = time.monotonic(), len(progress.epochs) + 1
        stage, before = _stage_of(epoch, self._config.stages)
        loss = self._train(optimiser, epoch, stage, before)
        progress.epochs.append(
            BaselineEpoch(
                epoch=epoch,
                stage=stage + 1,
                loss=loss,
                accuracy=self._tested(self._data.learned.validation).score.accuracy,
                seconds=time.monotonic() - started,
            )
        )
        if stage == len(self._config.stages) - 1 and _best(progress.epochs).epoch == epoch:
            state = self._baseline.network.state_dict()
            progress.best = {name: value.cpu().clone() for name, value in state.items()}

    def _train(
        self, optimiser: torch.optim.Optimizer, epoch: int, stage: int, before: int
    ) -> float:
        # All randomness of an epoch comes from the seed and its number: a resumed run goes the same way.
        config, records = self._config, self._data.learned.train
        torch.manual_seed(seed_of(config.seed, epoch))
        steps = num_steps(len(records), batch_size=config.batch_size)
        total = 0.0
        for step, batch in enumerate(
            steps_of_epoch(records, batch_size=config.batch_size, seed=config.seed, epoch=epoch)
        ):
            progress = (epoch - 1 - before + step / steps) / config.stages[stage]
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(_DECAY, config.learning_rate, progress)
            with self._opened(batch) as images:
                loss = self._baseline.loss(images, self._labels(batch), stage)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()
            total += float(loss.detach()) * len(batch)
        return total / len(records)

    @torch.inference_mode()
    def _tested(self, records: Sequence[ImageRecord]) -> Tested:
        started, num_right = time.monotonic(), 0
        readings: list[Reading] = []
        for first in range(0, len(records), self._config.batch_size):
            batch = records[first : first + self._config.batch_size]
            with self._opened(batch) as images:
                found = self._baseline.logits(images).argmax(dim=1)  # (B,)
                readings.extend(image.reading() for image in images)
            num_right += int((found == self._labels(batch)).sum())
        return Tested(
            score=Score(num_right=num_right, num_images=len(records)),
            readings=readings,
            seconds=time.monotonic() - started,
        )

    def _labels(self, records: Sequence[ImageRecord]) -> Tensor:
        classes = [self._data.learned.class_of(record) for record in records]
        return torch.tensor(classes, device=self._device)

    @contextmanager
    def _opened(self, records: Sequence[ImageRecord]) -> Iterator[list[OpenImage]]:
        images = open_images(records, self._config.input_spec(), self._cache)
        try:
            yield images
        finally:
            for image in images:
                image.close()


def _baseline(config: BaselineConfig, num_classes: int, device: torch.device) -> Baseline:
    kind = SaccaderBaseline if config.network == "saccader" else DramBaseline
    return kind(config, num_classes, device)


def _stage_of(epoch: int, stages: Sequence[int]) -> tuple[int, int]:
    """The stage of an epoch counted from 1, from 0; and how many epochs were before it."""
    before = 0
    for number, epochs in enumerate(stages):
        if epoch <= before + epochs:
            return number, before
        before += epochs
    raise ValueError(f"epoch {epoch} of {sum(stages)}")


def _best(epochs: Sequence[BaselineEpoch]) -> BaselineEpoch:
    """The first of the best ones of the latest stage that there is."""
    last = epochs[-1].stage
    return max(
        (one for one in epochs if one.stage == last), key=lambda one: (one.accuracy, -one.epoch)
    )
