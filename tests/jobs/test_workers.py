"""Rules of how many workers a run has."""

from __future__ import annotations

import pytest

from jobs.workers import NodeResources, WorkersAsked, parse_workers, plan_workers
from pipeline.errors import UsageError

BIG, SMALL = NodeResources(num_cpus=16, num_gpus=0), NodeResources(num_cpus=4, num_gpus=0)
GPU = NodeResources(num_cpus=8, num_gpus=2)
HEAD = NodeResources(num_cpus=0, num_gpus=0)


def numbers(asked: WorkersAsked, *nodes: NodeResources) -> tuple[float, ...]:
    """Least, most, processors, GPUs."""
    plan = plan_workers(asked, nodes)
    return plan.count, plan.most, plan.num_cpus, plan.num_gpus


class TestParse:
    def test_a_number_or_a_range(self) -> None:
        """4 is always four; 1-8 follows the work."""
        assert parse_workers("4", num_cpus=None, num_gpus=None) == WorkersAsked(least=4, most=4)
        asked = parse_workers("1-8", num_cpus=2, num_gpus=0.5)
        assert asked == WorkersAsked(least=1, most=8, num_cpus=2, num_gpus=0.5)

    @pytest.mark.parametrize("text", ["0", "8-1", "many", "-3", "1-", "1.5"])
    def test_refuses_anything_else(self, text: str) -> None:
        """The message shows both forms."""
        with pytest.raises(UsageError, match="as 4, or a range, as 1-8"):
            parse_workers(text, num_cpus=None, num_gpus=None)


class TestPlan:
    def test_one_per_gpu(self) -> None:
        """GPUs decide where there are any; a share puts several on one."""
        assert numbers(WorkersAsked(), HEAD, GPU, GPU) == (4, 4, 1, 1)
        assert numbers(WorkersAsked(num_gpus=0.5), GPU) == (4, 4, 1, 0.5)
        assert numbers(WorkersAsked(least=4, most=4), GPU) == (4, 4, 1, 0.5)

    def test_one_per_machine_that_fits_on_the_smallest(self) -> None:
        """No worker asks for more than the smallest machine has, or it would wait for ever."""
        assert numbers(WorkersAsked(), HEAD, BIG, SMALL) == (2, 2, 4, 0)
        assert numbers(WorkersAsked(least=2, most=2), SMALL) == (2, 2, 2, 0)
        assert numbers(WorkersAsked(num_gpus=0), GPU) == (1, 1, 8, 0)

    def test_a_cluster_that_starts_from_zero(self) -> None:
        """With nothing there what was asked for decides, so that the cluster can make room for it."""
        assert numbers(WorkersAsked(), HEAD) == (1, 1, 1, 0)
        asked = WorkersAsked(least=1, most=8, num_cpus=4, num_gpus=1)
        assert numbers(asked, HEAD) == (1, 8, 4, 1)
