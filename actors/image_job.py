"""An image on its way through the engine, and what a reader's thread works on."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from pipeline.errors import ReadTimeoutError
from pipeline.image_record import ImageRecord
from pipeline.records.result import ImageResult
from pipeline.walk.allowance import ENDLESS, Allowance
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.image_walk import ImageWalk


@dataclass(slots=True, eq=False)
class ImageJob:
    """An image on its way through the engine."""

    record: ImageRecord
    """The manifest's row."""
    promise: Future[ImageResult]
    """What the caller waits for."""
    allowance: Allowance = ENDLESS
    """What its walk may spend."""
    started_s: float = 0.0
    """`time.perf_counter()` when it was opened."""
    walk: ImageWalk | None = None
    """The open image."""
    is_concluded: bool = False
    """True: its result is being written; whatever comes later is too late."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a thread works on: an image as a whole (no glimpse), or one look at it."""

    image: int
    glimpse: Glimpse | None = None


def opened(job: ImageJob) -> ImageWalk:
    """The open image of a job that is being walked."""
    if job.walk is None:
        raise RuntimeError(f"{job.record.sample_id} is walked before it is open")
    return job.walk


def timed_out(job: ImageJob, timeout_s: float) -> ReadTimeoutError:
    """What is said of a read that never came back."""
    return ReadTimeoutError(
        f"{job.record.image_path}: storage did not answer within {timeout_s:g} s; check it, or allow "
        "more with --read-timeout"
    )
