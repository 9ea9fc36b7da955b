"""One image to one OME-Zarr: the shell around the plan. Dask runs it on threads, a batch of blocks at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
from dask.base import compute
from dask.delayed import Delayed, delayed

from pipeline.images.opening import open_source
from pipeline.images.pyramid import PixelSize, Pyramid
from pipeline.images.source import Source
from pipeline.ingest.block_maker import BlockMaker
from pipeline.ingest.codec import ChunkCodec, chunk_codec
from pipeline.ingest.lossiness import is_stored_lossy
from pipeline.ingest.metadata import group_attributes
from pipeline.ingest.origin import origin_of, read_origin, refuse_other
from pipeline.ingest.plan import BlockKey, IngestPlan
from pipeline.ingest.planning import plan_ingest
from pipeline.ingest.publication import Publication
from pipeline.ingest.settings import IngestSettings, refuse_loss
from pipeline.ingest.source_blocks import Pixels, SourceBlocks
from pipeline.ingest.steps import Step, batches, remaining_steps
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces

FAR_THREADS = 16
"""Blocks of a far image under way at once: each waits for a network most of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestTask:
    """An image to ingest. Pickles."""

    uri: str
    """Path or URL of the image."""
    final: Path
    """Where the result will lie."""
    settings: IngestSettings
    """How it is written."""
    pixel_size: PixelSize | None = None
    """Overrides what the image says."""
    is_overwriting: bool = False
    """True: a result that is there is replaced."""
    places: AllowedPlaces = EVERYWHERE
    """What may be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of it."""

    final: Path
    """The result."""
    num_bytes: int
    """Stored bytes of the result."""
    num_pixels: int
    """Of level 0."""
    seconds: float
    """Of this call."""
    num_kept: int
    """Shards that a killed ingest had finished; all, where the whole result was there."""
    num_shards: int
    """Shards of the result."""


def ingest(
    task: IngestTask,
    on_pixels: Callable[[int], None] = lambda _: None,
    num_threads: int | None = None,
) -> Ingested:
    """Write one image as a pyramid, or finish what a killed ingest began.

    Args:
        task: which image, and how.
        on_pixels: hears of pixels of level 0 that are done; from any thread.
        num_threads: blocks worked on at once; one per processor if not given.

    Raises:
        ImageError: if the image does not open, or is not one that can be ingested as asked.
        TileReadError: if a tile cannot be read: nothing is published, and nothing is made up.
        UsageError: if there is another result under the name.
        OSError: if the disk does not take the result.
    """
    started = time.perf_counter()
    source = open_source(task.uri, task.places)
    try:
        plan = plan_ingest(source.pyramid)
        if task.settings.is_lossy:
            refuse_loss(source.pyramid, is_source_lossy=is_stored_lossy(task.uri))
        threads = num_threads or (FAR_THREADS if source.is_far else os.cpu_count() or 1)
        num_kept = _published(task, source, plan, on_pixels, threads)
    finally:
        source.close()
    stored = [path.stat().st_size for path in task.final.glob("*/c/**/*") if path.is_file()]
    return Ingested(
        final=task.final,
        num_bytes=sum(stored),
        num_pixels=source.pyramid.height * source.pyramid.width,
        seconds=time.perf_counter() - started,
        num_kept=len(stored) if num_kept is None else num_kept,
        num_shards=len(stored),
    )


def attributes_of(source: Source, plan: IngestPlan, task: IngestTask) -> dict[str, Any]:
    """Attributes of the result."""
    pyramid: Pyramid = source.pyramid
    pixel_size = task.pixel_size or pyramid.pixel_size
    origin = origin_of(source.fingerprint, plan, task.settings, pixel_size)
    return group_attributes(pyramid, plan, pixel_size, {"ingest": origin})


def is_done(task: IngestTask, attributes: dict[str, Any]) -> bool:
    """Whether this very result is there.

    Raises:
        UsageError: if another one is, and may not be replaced.
    """
    if task.is_overwriting or not task.final.exists():
        return False
    refuse_other(task.final, read_origin(task.final), attributes["foveate"]["ingest"])
    return True


def _published(
    task: IngestTask,
    source: Source,
    plan: IngestPlan,
    on_pixels: Callable[[int], None],
    num_threads: int,
) -> int | None:
    """Returns how many shards were there from before, None if all was."""
    attributes = attributes_of(source, plan, task)
    if is_done(task, attributes):
        return None
    codec = chunk_codec(task.settings, plan.num_bands)
    with Publication(task.final) as publication:
        is_resumed = publication.begin(plan, codec, attributes)
        maker = _maker(source, plan, codec, publication.partial, on_pixels)
        finished = maker.shards.finished() if is_resumed else set()
        _write(maker, plan, finished, num_threads)
        publication.publish()
    return len(finished)


def _maker(
    source: Source,
    plan: IngestPlan,
    codec: ChunkCodec,
    directory: Path,
    on_pixels: Callable[[int], None],
) -> BlockMaker:
    return BlockMaker(plan, codec, SourceBlocks(source, plan), directory, on_pixels)


def _write(
    maker: BlockMaker, plan: IngestPlan, finished: set[tuple[int, int, int]], num_threads: int
) -> None:
    held: dict[BlockKey, Pixels] = {}
    with (
        ThreadPoolExecutor(num_threads, thread_name_prefix="ingest") as pool,
        dask.config.set(scheduler="threads", pool=pool, num_workers=num_threads),
    ):
        for batch in batches(remaining_steps(plan, finished)):
            held = _made(batch, held, maker, plan)


def _made(
    batch: list[Step], held: dict[BlockKey, Pixels], maker: BlockMaker, plan: IngestPlan
) -> dict[BlockKey, Pixels]:
    """Work off a batch; returns the quarters that later batches want."""
    make = delayed(maker.make, pure=False, traverse=False)
    waiting: dict[BlockKey, Delayed | Pixels] = dict(held)
    for step in batch:
        is_joined = step.origin == "children"
        below = plan.children(step.block) if is_joined else ()
        waiting[step.block] = make(step, *(waiting.pop(child) for child in below))
    left = {block: found for block, found in waiting.items() if isinstance(found, Pixels)}
    made = {block: found for block, found in waiting.items() if isinstance(found, Delayed)}
    quarters = compute(*made.values())  # type: ignore[no-untyped-call]  # dask leaves it untyped
    wanted = {block: q for block, q in zip(made, quarters, strict=True) if q is not None}
    return {**left, **wanted}
