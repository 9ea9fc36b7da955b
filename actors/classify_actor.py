"""The engine as Ray Data sees it: a few manifest rows in, a receipt per image out. No pixel passes here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_directory import ModelDirectory
from models.errors import ModelError
from pipeline.images.pyramid import PixelSize
from pipeline.manifest import ImageRecord
from pipeline.records.attempts import attempts_of
from pipeline.records.output import Output
from pipeline.records.result import Failure, ImageResult
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One image whose rows are written."""

    sample_id: str = ""
    """Which image."""
    status: str = ""
    """`ok`, `degraded` or `failed`."""
    num_glimpses: int = 0
    """Looks taken."""
    bytes_read: int = 0
    """Bytes transferred."""
    full_scan_bytes: int = 0
    """Encoded bytes of its finest level; 0 where that is not known."""
    refusal: str | None = None
    """Why the worker cannot classify anything at all: its model does not load. No image then."""


RECEIPT_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("status", pa.string()),
        ("num_glimpses", pa.int64()),
        ("bytes_read", pa.int64()),
        ("full_scan_bytes", pa.int64()),
        ("refusal", pa.string()),
    ]
)


class ClassifyActor:
    """One engine in one process. Ray Data calls it with several batches at once."""

    def __init__(self, config: ActorConfig) -> None:
        # Here, not above: a driver that only pickles this class must not pay for torch.
        from actors.model_runner import load_runner
        from actors.worker_process import keep_loaded, settle_in

        settle_in()
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
            yield pa.Table.from_pylist([asdict(receipt)], RECEIPT_SCHEMA)


def receipt_of(result: ImageResult) -> Receipt:
    """What the driver hears of a result."""
    outcome = result.outcome
    if isinstance(outcome, Failure):
        counts = (0, outcome.bytes_read, 0)
        status = "failed"
    else:
        counts = (outcome.num_glimpses, outcome.bytes_read, outcome.full_scan_bytes or 0)
        status = outcome.status
    return Receipt(
        sample_id=outcome.record.sample_id,
        status=status,
        num_glimpses=counts[0],
        bytes_read=counts[1],
        full_scan_bytes=counts[2],
    )


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
