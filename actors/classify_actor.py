"""The engine as Ray Data sees it: a few manifest rows in, a receipt per image out. No pixel passes here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace

import pyarrow as pa

from actors.books import Books
from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_directory import ModelDirectory
from actors.receipt import RECEIPT_SCHEMA, Receipt, receipt_of
from actors.task_rows import allowance_from_row, record_from_row
from models.errors import ModelError
from pipeline.records.attempts import attempts_of
from pipeline.records.output import Output
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
    batch_size: int | None = None
    """Windows of every call of the network; None: what suits the device and its memory."""
    gpu_share: float = 1.0
    """Of a GPU that belongs to a worker."""
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
        from actors.model_loading import load_runner
        from actors.worker_process import keep_loaded, settle_in

        settle_in()
        self._count = count
        self._engine: Engine | ModelError
        try:
            runner = load_runner(
                config.model,
                batch_size=config.batch_size,
                num_threads=config.num_threads,
                gpu_share=config.gpu_share,
            )
            if config.model.config.compiled:
                runner.compile(config.model.config.input.window_shape)
        except (
            ModelError
        ) as error:  # told by the first call: of an actor's death Ray keeps only the text
            self._engine = error
            return
        output = Output(config.store, config.model.config.class_names)
        plan = replace(config.model.config.plan, places=config.places)
        keep_loaded()
        books = Books(output, attempts_of(config.store))
        self._engine = Engine(
            plan,
            runner,
            config.engine,
            sink=books.commit,
            admit=books.admit,
            recall=books.walks.recall,
        )
        watch(self._engine)

    async def __call__(self, batch: pa.Table) -> AsyncIterator[pa.Table]:
        """Classify a few images; a receipt each, as they are finished. Or one refusal, and no image opened."""
        if isinstance(self._engine, ModelError):
            yield pa.Table.from_pylist([asdict(Receipt(refusal=str(self._engine)))], RECEIPT_SCHEMA)
            return
        engine = self._engine
        promises = [
            asyncio.wrap_future(engine.submit(record_from_row(row), allowance_from_row(row)))
            for row in batch.to_pylist()
        ]
        for promise in asyncio.as_completed(promises):
            receipt = receipt_of(await promise)
            self._count(receipt)
            yield pa.Table.from_pylist([asdict(receipt)], RECEIPT_SCHEMA)
