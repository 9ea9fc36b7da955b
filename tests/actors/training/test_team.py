"""Two workers: what they know together, and a step of which one has nothing to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from actors.training.job import TrainingJob
from actors.training.learner import Learner
from actors.training.looks_batch import LooksBatch
from actors.training.team import Team
from actors.training.training import first_network
from models.learning.rows import Rows

BASE_PX = 96
RATE = 1e-3
ROWS = [torch.arange(6, dtype=torch.float64).view(3, 2) / 7, torch.ones(1, 2, dtype=torch.float64)]
"""Of each worker."""
Trained: TypeAlias = tuple[dict[str, Tensor], float]
"""Weights and statistics, and the baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one of two workers came to."""

    gathered: Tensor
    """The rows of both."""
    blank: Trained
    """After two steps, worker 1 having no image in the second."""
    alike: Trained
    """After two steps, worker 1 having the images of worker 0 in the second."""


@pytest.fixture(scope="module")
def found(trained: TrainingJob, tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """Of two processes that are joined; starting them takes longer than all else."""
    directory = tmp_path_factory.mktemp("team")
    multiprocessing.spawn(_join, args=(trained, directory), nprocs=2)
    return [torch.load(directory / f"{rank}.pt", weights_only=False) for rank in range(2)]


def _join(rank: int, job: TrainingJob, directory: Path) -> None:
    torch.set_num_threads(1)
    place = f"file://{directory}/meeting"
    distributed.init_process_group("gloo", init_method=place, rank=rank, world_size=2)
    team = Team(rank=rank, size=2)
    torch.save(
        Found(
            gathered=team.gathered(ROWS[rank]),
            blank=_learned(team, job, blank_of(job) if rank == 1 else images_of(5)),
            alike=_learned(team, job, images_of(5)),
        ),
        directory / f"{rank}.pt",
    )
    distributed.destroy_process_group()


def _learned(team: Team, job: TrainingJob, second: LooksBatch) -> Trained:
    """The network and the baseline after a step of images of one's own, and another."""
    network = first_network(job)
    learner = Learner(network, job, job.stages[0], team)
    learner.step(images_of(team.rank), RATE, is_blank=False)
    torch.manual_seed(7)  # of dropout
    learner.step(second, RATE, is_blank=len(second.rows.image) == 1)
    return network.state_dict(), learner.rule.baseline


def images_of(seed: int) -> LooksBatch:
    """Two walks of a root and two cells."""
    torch.manual_seed(seed)
    depth = torch.tensor([0, 1, 1, 0, 1, 1])
    rows = Rows(
        image=torch.tensor([0, 0, 0, 1, 1, 1]),
        depth=depth,
        parent=torch.tensor([-1, 0, 0, -1, 3, 3]),
        cell=torch.tensor([-1, 3, 9, -1, 7, 20]),
        labels=torch.tensor([0, 1]),
        is_random=torch.zeros(6, dtype=torch.bool),
    )
    nowhere = torch.zeros(6, dtype=torch.int64)
    return LooksBatch(
        images=torch.rand(6, 1, BASE_PX, BASE_PX),
        positions=torch.stack([nowhere, nowhere, depth], dim=1),
        rows=rows,
        level_noise=torch.zeros(6, 0),
    )


def is_statistic(name: str) -> bool:
    """Whether it is a normalisation's own; all workers take over worker 0's at the next step."""
    return "running_" in name or name.endswith("num_batches_tracked")


def blank_of(job: TrainingJob) -> LooksBatch:
    """Nothing."""
    return LooksBatch.blank(job.input, 0, torch.device("cpu"))


class TestGathered:
    def test_rows_of_both_in_order(self, found: list[Found]) -> None:
        """Three rows of one worker and one of the other are four for both, in order and to the last bit."""
        for one in found:
            assert torch.equal(one.gathered, torch.cat(ROWS))

    def test_alone_they_are_ones_own(self) -> None:
        """One worker needs no process group."""
        assert torch.equal(Team().gathered(ROWS[0]), ROWS[0])


class TestBlankSteps:
    def test_a_worker_without_images_has_no_say(self, found: list[Found]) -> None:
        """The step is that of two workers who both have the images of the one that has some."""
        expected, baseline = found[0].alike

        for rank, one in enumerate(found):
            state, followed = one.blank
            assert followed == baseline
            for name, weight in state.items():
                if rank == 0 or not is_statistic(name):
                    torch.testing.assert_close(weight, expected[name])

    def test_a_step_without_images_leaves_everything(self, trained: TrainingJob) -> None:
        """Weights, statistics of normalisations and the baseline stay, though Adam has moments to go on with."""
        network = first_network(trained)
        learner = Learner(network, trained, trained.stages[0], Team())
        learner.step(images_of(0), RATE, is_blank=False)
        before = {name: weight.clone() for name, weight in network.state_dict().items()}
        baseline = learner.rule.baseline

        learner.step(blank_of(trained), RATE, is_blank=True)

        assert learner.rule.baseline == baseline
        for name, weight in network.state_dict().items():
            assert torch.equal(weight, before[name]), name
