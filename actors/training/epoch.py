"""One pass over the training split: walk, then descend, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from actors.training.job import TrainingJob
from actors.training.learner import Learner
from actors.training.looks_batch import LooksBatch, batch_of
from actors.training.schedule import learning_rate, num_steps, seed_of, steps_of_epoch
from actors.training.scorer import NetworkScorer
from actors.training.stage import Stage
from actors.training.team import Team
from actors.training.walks import Walks
from models.learning.rule import LossTerms
from pipeline.image_record import ImageRecord
from pipeline.walk.episode import Episode

TERMS = ("total", "sequence", "per_feature", "location", "accuracy", "single_accuracy")


@dataclass(slots=True, kw_only=True)
class EpochSums:
    """Sums over what one worker did of an epoch."""

    terms: dict[str, float] = field(default_factory=lambda: dict.fromkeys(TERMS, 0.0))
    """Of each term, times its images."""
    num_images: int = 0
    """Walked."""
    num_failed: int = 0
    """Not walked."""
    num_looks: int = 0
    """Taken."""
    bytes_read: int = 0
    """Transferred."""

    def add(self, episodes: Sequence[Episode], num_failed: int, terms: LossTerms) -> None:
        """One step more."""
        for name in TERMS:
            self.terms[name] += float(getattr(terms, name)) * len(episodes)
        self.num_images += len(episodes)
        self.num_failed += num_failed
        self.num_looks += sum(len(episode.looks) for episode in episodes)
        self.bytes_read += sum(episode.cost.transferred_bytes for episode in episodes)

    def over(self, team: Team) -> EpochSums:
        """Of all workers; every worker must call it."""
        counts = [self.num_images, self.num_failed, self.num_looks, self.bytes_read]
        summed = team.total([*self.terms.values(), *counts])
        numbers = [int(value) for value in summed[len(TERMS) :]]
        return EpochSums(
            terms=dict(zip(TERMS, summed, strict=False)),
            num_images=numbers[0],
            num_failed=numbers[1],
            num_looks=numbers[2],
            bytes_read=numbers[3],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One step of an epoch, for who watches."""

    step: int
    """From 0, within the epoch."""
    loss: float
    """What was descended."""
    images_per_s: float
    """Over the epoch so far, all workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPlan:
    """Which epoch."""

    stage: Stage
    """What holds in it."""
    epoch: int
    """Counted over all stages."""
    epoch_of_stage: int
    """Counted within the stage."""

    def learning_rate(self, job: TrainingJob, step: int, steps: int) -> float:
        """At one step of this epoch."""
        done = self.stage.epochs_before + self.epoch_of_stage + step / steps
        progress = done / self.stage.epochs_of_schedule
        return learning_rate(job.config.optimiser, self.stage.learning_rate, progress)


def run_epoch(
    job: TrainingJob,
    plan: EpochPlan,
    learner: Learner,
    walks: Walks,
    team: Team,
    watch: Callable[[StepReport], None],
) -> EpochSums:
    """Learn from every image of the training split once; sums over all workers."""
    torch.manual_seed(seed_of(job.config.seed, plan.epoch, team.rank))
    scorer = NetworkScorer(learner.network, team.device)
    size = job.config.batch_size
    steps = num_steps(len(job.data.train), batch_size=size, num_workers=team.size)
    sums, started = EpochSums(), time.monotonic()
    for step, records in enumerate(
        steps_of_epoch(
            job.data.train,
            batch_size=size,
            seed=job.config.seed,
            epoch=plan.epoch,
            num_workers=team.size,
        )
    ):
        mine = records[team.rank :: team.size]
        walked = walks.explored(mine, plan.stage, scorer, plan.epoch)
        episodes = [one for one in walked if isinstance(one, Episode)]
        batch = _batch(job, episodes, mine, team)
        terms = learner.step(batch, plan.learning_rate(job, step, steps), is_blank=not episodes)
        sums.add(episodes, len(walked) - len(episodes), terms)
        done = sums.num_images * team.size
        rate = done / max(time.monotonic() - started, 1e-9)
        watch(StepReport(step=step, loss=float(terms.total), images_per_s=rate))
    return sums.over(team)


def _batch(
    job: TrainingJob, episodes: Sequence[Episode], records: Sequence[ImageRecord], team: Team
) -> LooksBatch:
    if episodes:
        labels = [job.data.class_of(episode.record) for episode in episodes]
        return batch_of(episodes, labels, team.device)
    # Nothing could be read, yet the other workers wait for this one's gradient: a blank look, worth nothing.
    return LooksBatch.blank(job.input, job.data.class_of(records[0]), team.device)
