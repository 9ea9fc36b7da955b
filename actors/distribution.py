"""An archive over the workers of a Ray cluster: Ray Data decides which image goes where, also when a worker dies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import cast

import pyarrow as pa
import ray
import ray.data

from actors.classify_actor import ActorConfig, ClassifyActor
from actors.dealing import calls_ahead, dealt
from actors.receipt import Receipt
from actors.task_rows import TASK_SCHEMA, task_row
from actors.worker_metrics import WorkerMetrics
from actors.workers import Workers
from models.errors import WeightsError
from pipeline.image_record import ImageRecord
from pipeline.walk.allowance import ENDLESS, Allowance

IMAGES_PER_TASK = 2
"""Images of one call to a worker; also what is lost of a worker's place in the line when one of them is slow."""


def classify_on_ray(
    records: Sequence[ImageRecord],
    config: ActorConfig,
    workers: Workers,
    allowances: Mapping[str, Allowance] = MappingProxyType({}),
) -> Iterator[Receipt]:
    """Classify images on the cluster that is connected; a receipt each, as they are finished.

    Args:
        records: the images.
        config: what a worker needs to know.
        workers: how many, and what each has.
        allowances: what each image may spend, by its id; without end where none is named. Where there are any, images
            are taken in their order; else as they are `dealt`.

    Raises:
        WeightsError: if the model does not load on a worker.
    """
    _quiet()
    # Not from_arrow: it asks a worker about every single table, and keeps 50 kB of each here.
    tasks = ray.data.from_blocks(_parts(records if allowances else dealt(records), allowances))
    # Ray Data starts a worker that died again and gives it the images it had, without end: what is wrong with
    # an image is decided there (`pipeline.records.attempts`).
    # Weights travel once per node, and again to whoever takes a dead worker's place.
    sent = ray.put(config)
    calls = max(2, config.engine.images_in_flight // IMAGES_PER_TASK)
    receipts = tasks.map_batches(
        RayClassifyActor,
        fn_constructor_args=(sent,),
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(
            min_size=workers.count,
            max_size=workers.most or workers.count,
            max_tasks_in_flight_per_actor=calls_ahead(
                tasks.num_blocks(), num_workers=workers.count, at_most=2 * calls
            ),
            max_concurrent_calls_per_actor=calls,
        ),
        num_cpus=workers.num_cpus,
        num_gpus=workers.num_gpus,
    )
    for batch in receipts.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        for row in cast("pa.Table", batch).to_pylist():
            if row["refusal"] is not None:
                raise WeightsError(row["refusal"])
            yield Receipt(**row)


class RayClassifyActor(ClassifyActor):
    """One that fetches its config, which is too large to travel with the class, and shows what it does."""

    def __init__(self, config: ray.ObjectRef[ActorConfig]) -> None:
        metrics = WorkerMetrics()
        super().__init__(ray.get(config), watch=metrics.watch, count=metrics.count)


def _parts(records: Sequence[ImageRecord], allowances: Mapping[str, Allowance]) -> list[pa.Table]:
    """A few images each, as slices of one table: as tables of their own they would take ten times the memory."""
    rows = [task_row(record, allowances.get(record.sample_id, ENDLESS)) for record in records]
    whole = pa.Table.from_pylist(rows, TASK_SCHEMA)
    return [
        whole.slice(first, IMAGES_PER_TASK) for first in range(0, len(records), IMAGES_PER_TASK)
    ]


def _quiet() -> None:
    """The run has a progress bar of its own."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.enable_operator_progress_bars = False
    context.print_on_execution_start = False
    context.enable_auto_log_stats = False
