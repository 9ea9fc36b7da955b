"""How many workers a run may have and what each takes, as a person asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.workers import Workers
from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersAsked:
    """What was asked for; None: decided by what the cluster has."""

    least: int | None = None
    """Workers that the run starts with."""
    most: int | None = None
    """Workers that it may grow to while there is work; the cluster adds machines for them, if it can."""
    num_cpus: float | None = None
    """Processors that each takes."""
    num_gpus: float | None = None
    """GPUs that each takes; 0.5 puts two on one."""


AS_MANY_AS_FIT = WorkersAsked()
"""Whatever the cluster has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResources:
    """What one machine of the cluster has."""

    num_cpus: float
    """Processors that may be taken."""
    num_gpus: float
    """GPUs."""


def parse_workers(
    text: str | None, *, num_cpus: float | None, num_gpus: float | None
) -> WorkersAsked:
    """`4`, or `1-8` for a number that follows the work.

    Raises:
        UsageError: if it is neither.
    """
    if text is None:
        return WorkersAsked(num_cpus=num_cpus, num_gpus=num_gpus)
    low, dash, high = text.partition("-")
    least, most = (int(part) if part.isdecimal() else 0 for part in (low, high if dash else low))
    if not 1 <= least <= most:
        raise UsageError(f"--workers {text}: wanted a number from 1, as 4, or a range, as 1-8")
    return WorkersAsked(least=least, most=most, num_cpus=num_cpus, num_gpus=num_gpus)


def plan_workers(asked: WorkersAsked, nodes: Sequence[NodeResources]) -> Workers:
    """One worker per GPU; without GPUs one per machine, with all processors of the smallest.

    A cluster that starts from zero has nothing to go by: each worker then takes one processor, or what was asked for.
    """
    all_gpus = sum(node.num_gpus for node in nodes)
    working = [node for node in nodes if node.num_cpus >= 1]
    if asked.num_gpus or (asked.num_gpus is None and all_gpus):
        wanted = asked.least or max(1, int(all_gpus / (asked.num_gpus or 1)))
        share = asked.num_gpus or min(1.0, all_gpus / wanted)
        return _plan(asked, wanted, num_cpus=asked.num_cpus or 1, num_gpus=share)
    wanted = asked.least or max(1, len(working))
    per_node = -(-wanted // max(1, len(working)))
    smallest = min((node.num_cpus for node in working), default=1)
    each = asked.num_cpus or max(1, int(smallest // per_node))
    return _plan(asked, wanted, num_cpus=each, num_gpus=0)


def _plan(asked: WorkersAsked, wanted: int, *, num_cpus: float, num_gpus: float) -> Workers:
    most = max(wanted, asked.most or wanted)
    return Workers(count=wanted, most=most, num_cpus=num_cpus, num_gpus=num_gpus)
