"""Images to ingest: one after another in this process, or many at once as Ray tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import FoveateError
from pipeline.ingest.ingest import Ingested, IngestTask, ingest


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReceipt:
    """What became of an image."""

    sample_id: str
    """Which image."""
    ingested: Ingested | None = None
    """The result, or None."""
    problem: str | None = None
    """Why there is none."""


def ingest_here(
    tasks: Sequence[tuple[str, IngestTask]], on_pixels: Callable[[int], None]
) -> Iterator[IngestReceipt]:
    """In this process, with all of its processors for each image."""
    for sample_id, task in tasks:
        yield _attempt(sample_id, task, on_pixels, None)


def ingest_on_ray(
    tasks: Sequence[tuple[str, IngestTask]], num_workers: int
) -> Iterator[IngestReceipt]:
    """On the cluster that is connected, `num_workers` images at once, as they are finished.

    A worker that dies is replaced, and the new one goes on where the result stopped; an image that no worker
    survives has failed. With several nodes the results must lie on a disk that all of them see.
    """
    import ray  # not above: one image needs no cluster
    from ray.exceptions import RayError

    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    num_cpus = max(1, int(resources.get("CPU", 1)) // num_workers)
    attempt = ray.remote(num_cpus=num_cpus, max_retries=3)(_attempt_quietly)
    left = list(reversed(tasks))
    waiting: dict[Any, tuple[str, IngestTask]] = {}
    while waiting or left:
        while left and len(waiting) < num_workers:
            sample_id, task = left.pop()
            waiting[attempt.remote(sample_id, task, num_cpus)] = sample_id, task
        [done], _ = ray.wait(list(waiting))
        sample_id, task = waiting.pop(done)
        try:
            yield ray.get(done)
        except RayError as error:
            yield IngestReceipt(sample_id=sample_id, problem=_told_of_workers(task, error))


def _told_of_workers(task: IngestTask, error: Exception) -> str:
    return (
        f"{task.uri}: every worker that took it up ended ({type(error).__name__}); give each more memory with fewer "
        "--workers, or ingest it alone, without them, to see what happens"
    )


def _attempt_quietly(sample_id: str, task: IngestTask, num_threads: int) -> IngestReceipt:
    return _attempt(sample_id, task, lambda _: None, num_threads)


def _attempt(
    sample_id: str,
    task: IngestTask,
    on_pixels: Callable[[int], None],
    num_threads: int | None,
) -> IngestReceipt:
    """One bad image never harms the others."""
    try:
        ingested = ingest(task, on_pixels, num_threads)
    except (FoveateError, OSError) as error:
        return IngestReceipt(sample_id=sample_id, problem=str(error))
    except Exception as error:  # noqa: BLE001  # codecs raise whatever they like
        told = f"{task.uri}: {type(error).__name__}: {error}"
        return IngestReceipt(sample_id=sample_id, problem=told)
    return IngestReceipt(sample_id=sample_id, ingested=ingested)
