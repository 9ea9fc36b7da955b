"""The engine as Ray Data sees it: a few manifest rows in, a receipt per image out. No pixel passes here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_directory import ModelDirectory
from actors.receipt import RECEIPT_SCHEMA, Receipt, receipt_of
from models.errors import ModelError
from pipeline.images.pyramid import PixelSize
from pipeline.manifest import ImageRecord
from pipeline.records.attempts import attempts_of
from pipeline.records.output import Output
from pipeline.records.result import ImageResult
from pipeline.records.store.run_store import RunStore
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorConfig:
    """What a worker needs to know; pickled to it once."""

    model: ModelDirectory
    """The model, with the run's changes."""
    store: RunStore
    """Where the run's files lie; the same for all workers."""
    engine: EngineConfig
    """How much it takes on at once."""
    num_threads: int
    """Processor threads of the network."""
    places: AllowedPlaces = EVERYWHERE
    """Where images may lie."""


class ClassifyActor:
    """One engine in one process. Ray Data calls it with several batches at once.

    Args:
        config: what the worker needs to know.
        watch: told of the engine when it runs.
        count: told of every image whose rows are written.
    """

    def __init__(
        self,
        config: ActorConfig,
        *,
        watch: Callable[[Engine], None] = lambda _: None,
        count: Callable[[Receipt], None] = lambda _: None,
    ) -> None:
        # Here, not above: a driver that only pickles this class must not pay for torch.
        from actors.model_runner import load_runner
        from actors.worker_process import keep_loaded, settle_in

        settle_in()
        self._count = count
        self._engine: Engine | ModelError
        try:
            runner = load_runner(config.model, num_threads=config.num_threads)
        except (
            ModelError
        ) as error:  # told by the first call: of an actor's death Ray keeps only the text
            self._engine = error
            return
        output = Output(config.store, config.model.config.class_names)
        attempts = attempts_of(config.store)

        def commit(result: ImageResult) -> None:
            output.commit(result)
            attempts.end(result.outcome.record)

        plan = replace(config.model.config.plan, places=config.places)
        keep_loaded()
        self._engine = Engine(plan, runner, config.engine, sink=commit, admit=attempts.begin)
        watch(self._engine)

    async def __call__(self, batch: pa.Table) -> AsyncIterator[pa.Table]:
        """Classify a few images; a receipt each, as they are finished. Or one refusal, and no image opened."""
        if isinstance(self._engine, ModelError):
            yield pa.Table.from_pylist([asdict(Receipt(refusal=str(self._engine)))], RECEIPT_SCHEMA)
            return
        records = [record_from_row(row) for row in batch.to_pylist()]
        engine = self._engine
        promises = [asyncio.wrap_future(engine.submit(record)) for record in records]
        for promise in asyncio.as_completed(promises):
            receipt = receipt_of(await promise)
            self._count(receipt)
            yield pa.Table.from_pylist([asdict(receipt)], RECEIPT_SCHEMA)


def record_to_row(record: ImageRecord) -> dict[str, Any]:
    """As it travels through Ray Data: flat, every column always there."""
    size = record.pixel_size
    return {
        "sample_id": record.sample_id,
        "image_path": record.image_path,
        "label": record.label,
        "split": record.split,
        "mask_path": record.mask_path,
        "pixel_size_y": size.y if size else None,
        "pixel_size_x": size.x if size else None,
        "pixel_size_unit": size.unit if size else None,
    }


def record_from_row(row: dict[str, Any]) -> ImageRecord:
    """Back again."""
    has_size = row["pixel_size_unit"] is not None
    return ImageRecord(
        sample_id=row["sample_id"],
        image_path=row["image_path"],
        label=row["label"],
        split=row["split"],
        mask_path=row["mask_path"],
        pixel_size=PixelSize(row["pixel_size_y"], row["pixel_size_x"], row["pixel_size_unit"])
        if has_size
        else None,
    )
