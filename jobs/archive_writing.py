"""A benchmark's archive, written by as many processes as the machine has, while somebody watches."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import MofNCompleteColumn

from jobs.console import counted, err, out
from jobs.progress_line import ProgressLine
from pipeline.records.summary import readable_bytes

if TYPE_CHECKING:  # they load zarr, and help must be quick
    from pipeline.benchmarks.archive import ArchivePlan, PlannedImage
    from pipeline.benchmarks.digits import DigitSplits

_MAX_IMAGES_PER_TASK = 16
_TASKS_PER_PROCESS = 4
"""At least, so that none waits long for the last one."""
_FEW_PIXELS = 10**8
"""So few are written before other processes are up."""


def write_archive(plan: ArchivePlan, digits: DigitSplits, directory: Path) -> None:
    """Write what is missing of an archive."""
    from pipeline.benchmarks.archive import plan_archive, write_tables
    from pipeline.benchmarks.record import claim

    images = plan_archive(plan, digits)  # first: it may find that there is no room
    if claim(directory, plan, digits.name):
        err.print("going on with the archive that is there")
    num_bytes, start = 0, time.perf_counter()
    with ProgressLine("make", len(images), MofNCompleteColumn(), err) as progress:
        for sizes in _written(images, plan, directory):
            num_bytes += sum(sizes)
            progress.advance(len(sizes), readable_bytes(num_bytes))
    write_tables(images, plan, directory)
    seconds = time.perf_counter() - start
    out.print(
        f"{counted(len(images), 'image')}, {readable_bytes(num_bytes)} in {seconds:.0f} s "
        f"({len(images) / seconds:.1f} images/s): {directory / 'manifest.csv'}",
        markup=False,
    )


def _written(
    images: Sequence[PlannedImage], plan: ArchivePlan, directory: Path
) -> Iterator[list[int]]:
    work = partial(_write_part, plan, directory)
    num_processes = min(os.cpu_count() or 1, len(images))
    if num_processes == 1 or len(images) * plan.pad_to_px**2 < _FEW_PIXELS:
        yield from (work([image]) for image in images)
        return
    size = min(_MAX_IMAGES_PER_TASK, -(-len(images) // (num_processes * _TASKS_PER_PROCESS)))
    parts = [images[at : at + size] for at in range(0, len(images), size)]
    # Not forked: progress has a thread. Interrupts are the parent's, which then hands out no more work.
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(num_processes, get_context("spawn"), signal.signal, ignore) as pool:
        yield from pool.map(work, parts)


def _write_part(plan: ArchivePlan, directory: Path, images: Sequence[PlannedImage]) -> list[int]:
    from pipeline.benchmarks.archive import write_image

    return [write_image(image, plan, directory) for image in images]
