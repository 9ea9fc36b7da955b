"""The validation split, walked as classify would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from actors.training.calibration import cross_entropy
from actors.training.job import TrainingJob
from actors.training.looks_batch import batch_of
from actors.training.scorer import NetworkScorer
from actors.training.stage import Stage
from actors.training.team import Team
from actors.training.walks import Walks
from models.tnet import TNet
from pipeline.walk.episode import Episode


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Validation:
    """What one worker's share of the split came to."""

    log_probs: NDArray[np.float64]
    """(N, K) predictions."""
    labels: NDArray[np.int64]
    """(N,) true classes."""
    num_looks: int
    """Of all images."""
    num_failed: int
    """Images that could not be walked."""
    examples: tuple[Episode, ...]
    """The first walks, to be shown."""

    def sums(self) -> list[float]:
        """Images, right ones, cross-entropy, looks, and images that failed."""
        failed = float(self.num_failed)
        if not len(self.labels):
            return [0.0, 0.0, 0.0, 0.0, failed]
        num_right = float(np.sum(self.log_probs.argmax(axis=1) == self.labels))
        loss = cross_entropy(self.log_probs, self.labels) * len(self.labels)
        return [float(len(self.labels)), num_right, loss, float(self.num_looks), failed]


def validate(
    job: TrainingJob,
    stage: Stage,
    network: TNet,
    walks: Walks,
    team: Team,
    *,
    num_examples: int = 0,
) -> Validation:
    """Walk this worker's share of the validation split, without exploration."""
    scorer = NetworkScorer(network, team.device)
    network.eval()
    mine = job.data.validation[team.rank :: team.size]
    examples: list[Episode] = []
    log_probs: list[NDArray[np.float64]] = []
    labels: list[int] = []
    num_looks = 0
    for first in range(0, len(mine), job.config.batch_size):
        walked = walks.plain(mine[first : first + job.config.batch_size], stage, scorer)
        episodes = [one for one in walked if isinstance(one, Episode)]
        if not episodes:
            continue
        classes = [job.data.class_of(episode.record) for episode in episodes]
        log_probs.append(_predict(network, episodes, classes, team))
        labels.extend(classes)
        num_looks += sum(len(episode.looks) for episode in episodes)
        examples.extend(episodes[: num_examples - len(examples)])
    num_classes = len(job.data.class_names)
    return Validation(
        log_probs=np.concatenate(log_probs) if log_probs else np.zeros((0, num_classes)),
        labels=np.array(labels, np.int64),
        num_looks=num_looks,
        num_failed=len(mine) - len(labels),
        examples=tuple(examples),
    )


@torch.no_grad()
def _predict(
    network: TNet, episodes: Sequence[Episode], classes: Sequence[int], team: Team
) -> NDArray[np.float64]:
    """(N, K) log-probabilities after the last look of each walk."""
    batch = batch_of(episodes, classes, team.device)
    look = network.look(batch.images, batch.positions)
    kept = network.aggregation.keep(look.features, batch.positions)
    log_probs = network.aggregation.log_probs(kept, batch.rows.image, batch.rows.num_images)
    predictions: NDArray[np.float64] = log_probs.double().cpu().numpy()
    return predictions
