"""foveate train: labelled images and a config in, a model directory out.

Also `python -m jobs.train`, which is what `ray job submit` runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import OK, err, out, run_alone, told_plainly
from jobs.interruption import interrupted, terminable

if TYPE_CHECKING:
    from actors.training.job import TrainingJob


def train(
    config: Annotated[Path, typer.Argument(help="YAML file; docs/training.md explains its keys.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for curves and the model.")],
    workers: Annotated[int | None, typer.Option(help="Worker processes.", min=1)] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to run on.")] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="One worker, in this process, without Ray.")
    ] = False,
) -> None:
    """Teach a model where to look and what it sees.

    Writes model/ (for classify), training.jsonl, tensorboard/ and a checkpoint into --out. Run it again to
    resume after a kill. Exit status: 0 trained, 2 wrong use, 1 the run broke.
    """
    with told_plainly():
        # Not above: the learning rule loads torch, and help must be quick.
        from actors.training.job import read_training_job

        job = read_training_job(config, out_dir.absolute())
        status = run(job, workers=workers, address=address, in_process=in_process)
    sys.exit(status)


def run(job: TrainingJob, *, workers: int | None, address: str | None, in_process: bool) -> int:
    """Train what is not trained yet; returns the exit status."""
    from actors.run_record import take_up
    from actors.training.figures import best_epoch
    from jobs.train_progress import TrainProgress

    if take_up(job.out, "training", job.settings):
        err.print("resuming")
    try:
        if in_process:
            with terminable(), TrainProgress(job.out, err):
                _train_here(job)
        else:
            _train_on_ray(job, workers or job.config.workers, address)
    except KeyboardInterrupt:
        return interrupted()
    best = best_epoch(job.out, stage=len(job.stages) - 1)
    if best is not None:
        out.print(
            f"best epoch {best.epoch + 1} of {job.num_epochs}: validation accuracy "
            f"{best.validation_accuracy:.1%} with {best.validation_looks:.1f} looks per image"
        )
    out.print(f"model: {job.out / 'model'}")
    return OK


def _train_here(job: TrainingJob) -> None:
    import torch

    from actors.training.team import Team
    from actors.training.training import train as train_alone

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_alone(job, Team(device=device), report=lambda _: None)


def _train_on_ray(job: TrainingJob, count: int | None, address: str | None) -> None:
    from actors.training.ray_training import train_on_ray
    from jobs.cluster import connected, training_workers_for
    from jobs.train_progress import TrainProgress

    # Ray Train prints every report of every worker, and looks for a dashboard that is not there.
    with connected(address, shows_logs=False), TrainProgress(job.out, err):
        train_on_ray(job, training_workers_for(count))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    run_alone(train)
