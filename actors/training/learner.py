"""The network being trained: one gradient step, and what a checkpoint keeps of it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from actors.training.job import TrainingJob
from actors.training.looks_batch import LooksBatch
from actors.training.stage import Stage
from actors.training.team import Team
from models.learning.rule import LearningRule, LossTerms
from models.level_choice import level_gates
from models.tnet import Look, TNet


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerState:
    """Everything that the next step depends on, beside the network."""

    optimiser: dict[str, Any]
    """Adam's moments."""
    baseline: float
    """The learning rule's moving average of rewards."""


class TrainingNetwork(nn.Module):
    """The network with the loss on top, so that all of a step happens in one `forward`."""

    def __init__(self, network: TNet, rule: LearningRule, num_classes: int) -> None:
        super().__init__()
        self.network = network
        self._rule = rule
        self._num_classes = num_classes

    def forward(self, batch: LooksBatch) -> LossTerms:
        """The loss of some looks, with gradient."""
        network = self.network
        look = network.look(
            batch.images, batch.positions, stop_gradient=self._rule.config.stop_gradient
        )
        kept = network.aggregation.keep(self._gated(look, batch), batch.positions)
        return self._rule.terms(
            look,
            kept,
            network.aggregation,
            batch.rows,
            self._num_classes,
            [network.root_logits(overviews) for overviews in batch.overviews],
        )

    def _gated(self, look: Look, batch: LooksBatch) -> Tensor:
        """(M, D) features as they are, with the gradient of the choice of levels where the network chooses."""
        rows, num_drawn = batch.rows, batch.level_noise.shape[1]
        if not num_drawn:
            return look.features
        gates = level_gates(
            look.level_logits[:, :num_drawn],
            batch.level_noise,
            rows.parent,
            rows.depth - rows.depth[rows.parent],
            temperature=self._rule.config.level_temperature,
        )
        return look.features * gates[:, None]


class Learner:
    """Network, learning rule and Adam of one stage, on one worker."""

    def __init__(self, network: TNet, job: TrainingJob, stage: Stage, team: Team) -> None:
        optimiser = job.config.optimiser
        self.network = network
        self.rule = LearningRule(stage.learning)
        self._team = team
        self._clip_norm = optimiser.clip_norm
        self._dtype = _dtype(job.config.precision, team.device)
        module = TrainingNetwork(network, self.rule, len(job.data.class_names))
        self._module = _joined(module, team)
        self._optimiser = torch.optim.AdamW(
            network.parameters(), eps=optimiser.epsilon, weight_decay=optimiser.weight_decay
        )

    def step(self, batch: LooksBatch, learning_rate: float, *, is_blank: bool) -> LossTerms:
        """Descend once, all workers together; the terms are those before the step, without gradient.

        Args:
            batch: this worker's looks.
            learning_rate: of this step.
            is_blank: whether they are none; then this worker has no say in the step.
        """
        self.network.train(not is_blank)  # or nothing would enter the statistics of normalisations
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        self._optimiser.zero_grad(set_to_none=True)
        before, voice = self.rule.baseline, 0.0 if is_blank else 1.0
        with self._cast():
            terms: LossTerms = self._module(batch)
        voices, baselines = self._team.total([voice, voice * self.rule.baseline])
        self.rule.baseline = baselines / voices if voices else before
        # Gradients become means over all workers; the mean is to be over those that have a say.
        share = voice * self._team.size / max(voices, 1.0)
        (terms.total * share).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if voices:  # Adam would move by its moments alone
            self._descend()
        return terms.detached()

    def _descend(self) -> None:
        if self._clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._clip_norm)
        self._optimiser.step()

    def state(self) -> LearnerState:
        """What a checkpoint keeps, beside the network."""
        return LearnerState(
            optimiser=self._optimiser.state_dict(),
            baseline=self.rule.baseline,
        )

    def load(self, state: LearnerState) -> None:
        """Go on where a checkpoint was written."""
        self._optimiser.load_state_dict(state.optimiser)
        self.rule.baseline = state.baseline

    def _cast(self) -> AbstractContextManager[Any]:
        if self._dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self._team.device.type, dtype=self._dtype)


def _joined(module: TrainingNetwork, team: Team) -> nn.Module:
    """The module whose gradients are means over all workers."""
    if team.size == 1:
        return module
    # A rule may leave parts of the network out, such as the location module without deeper looks.
    devices = [team.device] if team.device.type == "cuda" else None
    return DistributedDataParallel(module, device_ids=devices, find_unused_parameters=True)


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision == "auto":
        can = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if can else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
