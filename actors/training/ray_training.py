"""Training on a Ray cluster: Ray Train starts the workers, joins them, and starts them again when one dies."""

from __future__ import annotations

from typing import Any

import ray.train
import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from actors.training.figures import EpochFigures
from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import train
from actors.workers import Workers

MAX_DEATHS = 3
"""Times that a run goes on from its checkpoint after a worker died."""


def train_on_ray(job: TrainingJob, workers: Workers) -> None:
    """Train on the cluster that is connected.

    Raises:
        TrainingFailedError: (Ray's) when a worker fails for good.
    """
    TorchTrainer(
        _work,
        train_loop_config={"job": job, "num_threads": int(workers.num_cpus) or 1},
        scaling_config=ScalingConfig(
            num_workers=workers.count,
            use_gpu=workers.num_gpus > 0,
            resources_per_worker=_resources(workers),
        ),
        run_config=RunConfig(
            name="ray",
            storage_path=str(job.out),
            failure_config=FailureConfig(max_failures=MAX_DEATHS),
        ),
    ).fit()


def _resources(workers: Workers) -> dict[str, float]:
    gpus = {"GPU": workers.num_gpus} if workers.num_gpus else {}
    return {"CPU": workers.num_cpus, **gpus}


def _work(told: dict[str, Any]) -> None:
    """One worker, from its start to its end."""
    context = ray.train.get_context()
    team = Team(
        rank=context.get_world_rank(),
        size=context.get_world_size(),
        device=ray.train.torch.get_device(),
    )
    torch.set_num_threads(told["num_threads"])
    train(told["job"], team, report=_report)


def _report(figures: EpochFigures) -> None:
    """For Ray's own dashboard; every worker must call it."""
    ray.train.report(
        {
            "epoch": figures.epoch,
            "loss": figures.loss,
            "accuracy": figures.accuracy,
            "validation_accuracy": figures.validation_accuracy,
            "validation_loss": figures.validation_loss,
        }
    )
