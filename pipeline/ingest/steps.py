"""In which order the blocks of a pyramid are made, and what of that a killed ingest has left to do. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from pipeline.ingest.plan import BlockKey, IngestPlan

READS_PER_BATCH = 64
"""Blocks of the source in one Dask graph: many enough to keep all processors busy, few enough to hold."""

Origin = Literal["source", "children", "store"]
Shard = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A block to make."""

    block: BlockKey
    """Which one."""
    origin: Origin
    """From the image; from the blocks below; or, its shard being finished, from there."""
    is_wanted: bool
    """True: the block of the next level that it is a part of is made too."""


def remaining_steps(plan: IngestPlan, finished: Collection[Shard]) -> Iterator[Step]:
    """What is left to do when some shards are finished, children before parents."""
    top = len(plan.levels) - 1
    for block in _in_order(plan, top):
        is_finished = plan.shard_of(block) in finished
        is_wanted = block.level < top and plan.shard_of(block.parent) not in finished
        if is_finished and not is_wanted:
            continue
        made: Origin = "source" if block.level == 0 else "children"
        yield Step(block=block, origin="store" if is_finished else made, is_wanted=is_wanted)


def batches(steps: Iterator[Step], reads: int = READS_PER_BATCH) -> Iterator[list[Step]]:
    """Consecutive steps that are worked off together."""
    batch: list[Step] = []
    num_reads = 0
    for step in steps:
        if num_reads >= reads and step.origin != "children":
            yield batch
            batch, num_reads = [], 0
        batch.append(step)
        num_reads += step.origin != "children"
    if batch:
        yield batch


def _in_order(plan: IngestPlan, top: int) -> Iterator[BlockKey]:
    if plan.order == "quads":
        return _quad(plan, BlockKey(top, 0, 0))
    return _row(plan, top, 0)


def _quad(plan: IngestPlan, block: BlockKey) -> Iterator[BlockKey]:
    if block.level:
        yield from chain.from_iterable(_quad(plan, child) for child in plan.children(block))
    yield block


def _row(plan: IngestPlan, level: int, row: int) -> Iterator[BlockKey]:
    """A row of blocks after the two rows below it."""
    if level:
        rows = plan.grid(level - 1)[0]
        for below in range(2 * row, min(2 * row + 2, rows)):
            yield from _row(plan, level - 1, below)
    for col in range(plan.grid(level)[1]):
        yield BlockKey(level, row, col)
