"""The Ray cluster that a job runs on: one that is there, or a local one for as long as the job runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from actors.workers import Workers
from jobs.interruption import terminable
from jobs.workers import NodeResources, WorkersAsked, plan_workers

_LOCAL_RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Idle workers started ahead cost 1.5 s of two cores, just when the one that is needed starts.
    "RAY_prestart_worker_first_driver": "0",
}
"""How a Ray that is started for one job differs from Ray's defaults; what is set already stays."""

MAX_TRAINING_WORKERS = 4
"""On processors alone; with more, a step's share gets too small for its statistics."""


@contextmanager
def connected(address: str | None, *, shows_logs: bool = True) -> Iterator[None]:
    """Connect to `address`, or to RAY_ADDRESS (set inside `ray job submit`), or start Ray on this machine.

    Within another `connected`, that one's is used: a job of several runs starts Ray once.

    Args:
        address: of a cluster.
        shows_logs: whether what workers print appears here.
    """
    if ray.is_initialized():
        yield
        return
    target = address or os.environ.get("RAY_ADDRESS")
    if target is None:
        for name, value in _LOCAL_RAY.items():
            os.environ.setdefault(name, value)
        ray.init(
            address="local",
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=shows_logs,
        )
    else:
        ray.init(address=target, logging_level=logging.WARNING, log_to_driver=shows_logs)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        # Ray's own handler prints a stack, and aborts after three seconds.
        with terminable():
            yield
    finally:
        ray.shutdown()


def workers_for(asked: WorkersAsked) -> Workers:
    """What was asked for, on the cluster that is connected."""
    nodes = [
        NodeResources(
            num_cpus=node["Resources"].get("CPU", 0), num_gpus=node["Resources"].get("GPU", 0)
        )
        for node in _nodes()
        if node["Alive"]
    ]
    return plan_workers(asked, nodes)


def training_workers_for(count: int | None) -> Workers:
    """One worker per GPU; without GPUs one per processor, four at most, or `count`."""
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    num_gpus = int(resources.get("GPU", 0))
    if num_gpus:
        wanted = count or num_gpus
        return Workers(count=wanted, num_cpus=1, num_gpus=min(1, num_gpus / wanted))
    num_cpus = int(resources.get("CPU", 1))
    wanted = count or min(num_cpus, MAX_TRAINING_WORKERS)
    return Workers(count=wanted, num_cpus=max(1, num_cpus // wanted), num_gpus=0)


def _nodes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    return found
