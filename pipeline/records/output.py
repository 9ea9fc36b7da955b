"""The tables of a run as Parquet datasets, written so that a killed run leaves no half row and no double one.

Each image is committed by the process that classified it, in parts named after its id: a retried image
overwrites its own rows. The prediction comes last, so an image with a prediction has everything. At the end
of a run the small parts are compacted: one file takes the place of all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.records.attempts import clear_attempts
from pipeline.records.image_name import image_name
from pipeline.records.result import ImageResult
from pipeline.records.schemas import GLIMPSES, IMAGES, LEDGER, TABLES, predictions_schema
from pipeline.records.store.run_store import RunStore
from pipeline.records.tables import tables_of

ROWS_PER_GROUP = 100_000
_BATCHES_HELD = 256
"""Batches of a few rows that wait to become one: each takes 20 kB beside its rows."""


@dataclass(frozen=True, slots=True)
class Output:
    """A run's tables. A plain value: any number of processes may hold one."""

    store: RunStore
    """Where they lie."""
    class_names: tuple[str, ...]
    """Classes of the model, in order."""

    def prepare(self) -> None:
        """Make the tables ready, finish or undo a compaction that was killed half-way, forget who was in flight."""
        clear_attempts(self.store)
        for table in TABLES:
            self.store.settle(table)

    def commit(self, result: ImageResult) -> None:
        """Write the rows of one image, atomically per table, the prediction last."""
        name = _part_name(result.outcome.record.sample_id)
        for table, rows in tables_of(result, self.class_names).items():
            self.store.put(f"{table}/{name}", _encoded(rows))

    def read(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a table."""
        schema = self._schema(table)
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        batches = self.store.scan(table, schema, columns=columns)
        return pa.concat_tables([wanted.empty_table(), *_merged(batches, wanted)])

    def batches(self, table: str) -> Iterator[pa.RecordBatch]:
        """All rows of a table, some at a time."""
        return self.store.scan(table, self._schema(table))

    def sample_ids(self) -> set[str]:
        """Of all images that have a row in any table: a process that was killed leaves some without a prediction."""
        found: set[str] = set()
        for table in ("images", "ledger", "predictions"):  # looks are written after the ledger
            for batch in self.store.scan(table, self._schema(table), columns=["sample_id"]):
                found.update(pc.unique(batch["sample_id"]).to_pylist())
        return found

    def part(self, sample_ids: Collection[str]) -> None:
        """Take the rows of some images out of the large files, into parts of their own.

        There a new result replaces them, and stays away from the others.
        """
        wanted = pc.field("sample_id").isin(pa.array(sorted(sample_ids), pa.string()))
        parts = {table: self.read(table).filter(wanted) for table in TABLES}
        self.drop(sample_ids)
        for table in TABLES:
            for sample_id, rows in _by_image(parts[table]):
                self.store.put(f"{table}/{_part_name(sample_id)}", _encoded(rows))

    def drop(self, sample_ids: Collection[str]) -> None:
        """Remove the rows of some images, as before they are classified again."""
        if not sample_ids:
            return
        gone = pa.array(sorted(sample_ids), pa.string())
        for table in reversed(TABLES):  # the prediction first: without it the rest does not count
            keep = ~pc.field("sample_id").isin(gone)
            self._replace(table, self.store.scan(table, self._schema(table), keep=keep))

    def compact(self) -> None:
        """Turn the many small parts of each table into one large file; predictions in the order of their ids.

        Only when no process works on the run any more.
        """
        clear_attempts(self.store)
        for table in TABLES:
            if len(self.store.keys(table)) < 2:
                continue
            if table == "predictions":  # a row per image: small enough to sort
                self._replace(table, iter(self.read(table).sort_by("sample_id").to_batches()))
            else:
                self._replace(table, self.batches(table))

    def _replace(self, table: str, batches: Iterator[pa.RecordBatch]) -> None:
        schema = self._schema(table)
        self.store.replace(table, _merged(batches, schema), schema)

    def _schema(self, table: str) -> pa.Schema:
        return {
            "images": IMAGES,
            "ledger": LEDGER,
            "glimpses": GLIMPSES,
            "predictions": predictions_schema(self.class_names),
        }[table]


def _merged(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Batches of a few rows gathered into row groups that are worth reading."""
    waiting: list[pa.Table] = []
    num_rows = 0
    for some in _batched(batches, _BATCHES_HELD):
        waiting.append(pa.Table.from_batches(some, schema).combine_chunks())
        num_rows += waiting[-1].num_rows
        if num_rows >= ROWS_PER_GROUP:
            yield pa.concat_tables(waiting)
            waiting, num_rows = [], 0
    if num_rows:
        yield pa.concat_tables(waiting)


def _batched(batches: Iterator[pa.RecordBatch], size: int) -> Iterator[list[pa.RecordBatch]]:
    """Some at a time; itertools.batched comes with Python 3.12."""
    while some := list(islice(batches, size)):
        yield some


def _by_image(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each image, in their order."""
    ids = rows["sample_id"].combine_chunks().dictionary_encode()
    places = ids.indices.to_numpy()
    order = np.argsort(places, kind="stable")
    counts = np.bincount(places, minlength=len(ids.dictionary))
    together, first = rows.take(pa.array(order)), 0
    for sample_id, count in zip(ids.dictionary.to_pylist(), counts.tolist(), strict=True):
        yield sample_id, together.slice(first, count)
        first += count


def _part_name(sample_id: str) -> str:
    return f"part-{image_name(sample_id)}.parquet"


def _encoded(rows: pa.Table) -> bytes:
    buffer = BytesIO()
    pq.write_table(rows, buffer)
    return buffer.getvalue()
