"""The training loop, the same on one processor and on a cluster. Knows no Ray.

An epoch: walk the images of a step without gradient, as they would be classified but for exploration; then one
gradient pass over all windows that were read; at its end validate, keep the best model, write the checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from actors.model_directory import WEIGHTS
from actors.training.board import Board
from actors.training.calibration import fit_temperature
from actors.training.checkpoint import Checkpoint, Progress, load_checkpoint, save_checkpoint
from actors.training.epoch import EpochPlan, EpochSums, StepReport, run_epoch
from actors.training.figures import EpochFigures, StepFigures, append_figures, forget_figures_from
from actors.training.job import TrainingJob
from actors.training.learner import Learner, LearnerState
from actors.training.model_export import export_model
from actors.training.stage import Stage
from actors.training.team import Team
from actors.training.validation import Validation, validate
from actors.training.walks import Walks
from actors.worker_process import keep_loaded, settle_in
from models.build import build_model
from models.tnet import TNet
from models.weights import load_weights
from pipeline.errors import UsageError

Report = Callable[[EpochFigures], None]
_NUM_PICTURES = 4
_STEPS_PER_LINE = 10


def train(job: TrainingJob, team: Team, *, report: Report) -> None:
    """Train to the end of the schedule, from the checkpoint if there is one.

    Args:
        job: what to do; every worker is given the same.
        team: which worker this is.
        report: told of every epoch, on every worker.

    Raises:
        UsageError: if not one image of a split can be walked.
    """
    settle_in()
    run = Training(job, team, report)
    keep_loaded()  # or the collector walks through all of torch again and again
    while run.progress.stage < len(job.stages):
        run.run_stage()


class Training:
    """One worker's part of a run, between its epochs."""

    def __init__(self, job: TrainingJob, team: Team, report: Report) -> None:
        self._job = job
        self._team = team
        self._report = report
        self._walks = Walks(
            job.input, seed=job.config.seed, num_levels=job.config.model.network.num_choices
        )
        self._network = first_network(job).to(team.device).to(memory_format=torch.channels_last)
        self.progress = Progress()
        self._state: LearnerState | None = None
        found = load_checkpoint(job.out)
        if found is not None:
            self.progress, self._state = found.progress, found.learner
            self._network.load_state_dict(found.network)
        self._board: Board | None = None
        if team.is_leader:
            forget_figures_from(self.progress.epoch, job.out)
            self._board = Board(job.out, from_epoch=self.progress.epoch)

    def run_stage(self) -> None:
        """All epochs of the stage that are left, or fewer when it stops getting better."""
        stage = self._job.stages[self.progress.stage]
        learner = Learner(self._network, self._job, stage, self._team)
        if self._state is not None and (stage.epochs_before or self.progress.epoch_of_stage):
            learner.load(self._state)
        while self.progress.epoch_of_stage < stage.epochs and not self._is_stalled():
            self._run_epoch(stage, learner)
        self.progress = self.progress.next_stage()
        self._state = learner.state()
        self._save(learner)

    def _run_epoch(self, stage: Stage, learner: Learner) -> None:
        started = time.monotonic()
        progress = self.progress
        plan = EpochPlan(stage=stage, epoch=progress.epoch, epoch_of_stage=progress.epoch_of_stage)
        sums = run_epoch(self._job, plan, learner, self._walks, self._team, self._watch)
        _refuse_none(sums.num_images, "training")
        validation = self._validate(stage)
        figures = self._figures(plan, sums, validation, time.monotonic() - started)
        if figures.is_best:
            value = self._metric(figures)
            progress = replace(progress, best_epoch=progress.epoch, best_value=value)
        self.progress = progress.next_epoch()
        if figures.is_best and stage is self._job.stages[-1]:
            self._export(stage, validation)
        if self._team.is_leader:
            self._write(figures, validation)
            self._save(learner)
        self._report(figures)

    def _validate(self, stage: Stage) -> Validation:
        count = _NUM_PICTURES if self._team.is_leader else 0
        return validate(
            self._job, stage, self._network, self._walks, self._team, num_examples=count
        )

    def _figures(
        self, plan: EpochPlan, sums: EpochSums, validation: Validation, seconds: float
    ) -> EpochFigures:
        num_images, right, loss, looks, failed = self._team.total(validation.sums())
        _refuse_none(num_images, "validation")  # no image, no mistake: it would be the best epoch
        steps = self._job.num_steps_per_epoch(self._team.size)
        per_image = {name: value / sums.num_images for name, value in sums.terms.items()}
        figures = EpochFigures(
            epoch=plan.epoch,
            stage=self.progress.stage,
            learning_rate=plan.learning_rate(self._job, steps - 1, steps),
            loss=per_image["total"],
            losses={name: per_image[name] for name in ("sequence", "per_feature", "location")},
            accuracy=per_image["accuracy"],
            looks=sums.num_looks / sums.num_images,
            bytes_read=sums.bytes_read,
            num_failed=sums.num_failed,
            validation_accuracy=right / num_images,
            validation_loss=loss / num_images,
            validation_looks=looks / num_images,
            validation_num_failed=int(failed),
            is_best=False,
            seconds=seconds,
        )
        best = self.progress.best_value
        return replace(figures, is_best=best is None or self._metric(figures) > best)

    def _metric(self, figures: EpochFigures) -> tuple[float, ...]:
        """Larger is better; of epochs with as many right answers, the one with the smaller loss."""
        if self._job.config.early_stopping.metric == "loss":
            return (-figures.validation_loss,)
        return (figures.validation_accuracy, -figures.validation_loss)

    def _is_stalled(self) -> bool:
        patience, best = self._job.config.early_stopping.patience, self.progress.best_epoch
        return patience is not None and best is not None and self.progress.epoch - best > patience

    def _export(self, stage: Stage, validation: Validation) -> None:
        """Write the model; its temperature is that of the whole split, so every worker must call it."""
        log_probs = self._team.gathered(torch.from_numpy(validation.log_probs)).numpy()
        labels = self._team.gathered(torch.from_numpy(validation.labels)).numpy()
        if self._team.is_leader:
            temperature = fit_temperature(log_probs, labels)
            export_model(self._job, stage, self._network, temperature=temperature)

    def _write(self, figures: EpochFigures, validation: Validation) -> None:
        append_figures(figures, self._job.out)
        if self._board is not None:
            self._board.show(figures)
            self._board.show_looks(validation.examples, figures.epoch)

    def _save(self, learner: Learner) -> None:
        if self._team.is_leader:
            checkpoint = Checkpoint(
                progress=self.progress,
                network=self._network.state_dict(),
                learner=learner.state(),
            )
            save_checkpoint(checkpoint, self._job.out)

    def _watch(self, step: StepReport) -> None:
        steps = self._job.num_steps_per_epoch(self._team.size)
        is_due = step.step % _STEPS_PER_LINE == 0 or step.step == steps - 1
        if self._team.is_leader and is_due:
            append_figures(
                StepFigures(
                    epoch=self.progress.epoch,
                    steps_done=self.progress.epoch * steps + step.step + 1,
                    steps_total=self._job.num_epochs * steps,
                    loss=step.loss,
                    images_per_s=step.images_per_s,
                ),
                self._job.out,
            )


def _refuse_none(num_images: float, split: str) -> None:
    if not num_images:
        raise UsageError(
            f"not one image of the {split} split could be opened; run foveate doctor on them"
        )


ADDED_PARTS = ("root_scorer", "level_choice")
"""Of a network that may start from one without them."""


def first_network(job: TrainingJob) -> TNet:
    """The network before the first step."""
    network = build_model(
        job.config.model.architecture,
        num_classes=len(job.data.class_names),
        num_bands=job.input.num_bands,
        network=job.config.model.network,
        seed=job.config.seed,
    )
    start = job.start_from
    if start is not None:
        load_weights(network, start.weights, f"{start.place}/{WEIGHTS}", may_lack=ADDED_PARTS)
    return network
