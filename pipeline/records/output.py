"""The output directory: tables as Parquet datasets, written so that a killed run leaves no half row and no double one.

Each image is committed by the process that classified it, in parts named after its id: a retried image
overwrites its own rows. The prediction comes last, so an image with a prediction has everything. At the end
of a run the small parts are compacted by replacing the whole directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline.records.attempts import clear_attempts
from pipeline.records.result import ImageResult
from pipeline.records.tables import GLIMPSES, IMAGES, LEDGER, TABLES, predictions_schema, tables_of

_NEW, _OLD = ".new", ".old"


@dataclass(frozen=True, slots=True)
class Output:
    """A run's directory. A plain value: any number of processes may hold one."""

    directory: Path
    """Where the tables lie."""
    class_names: tuple[str, ...]
    """Classes of the model, in order."""

    def prepare(self) -> None:
        """Make the directories, finish or undo a compaction that was killed half-way, forget who was in flight."""
        clear_attempts(self.directory)
        for table in TABLES:
            path = self.directory / table
            old, new = path.with_suffix(_OLD), path.with_suffix(_NEW)
            if not path.exists() and new.exists():
                new.rename(path)  # killed between the two renames: the new one was complete
            path.mkdir(parents=True, exist_ok=True)
            for leftover in (old, new):
                shutil.rmtree(leftover, ignore_errors=True)
            for unfinished in path.glob(".*.tmp"):
                unfinished.unlink(missing_ok=True)

    def commit(self, result: ImageResult) -> None:
        """Write the rows of one image, atomically per table, the prediction last."""
        name = _part_name(result.outcome.record.sample_id)
        for table, rows in tables_of(result, self.class_names).items():
            _write_atomically(rows, self.directory / table / name)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a table."""
        wanted = None if columns is None else list(columns)
        read: pa.Table = self._dataset(table).to_table(columns=wanted)
        return read

    def batches(self, table: str) -> Iterator[pa.RecordBatch]:
        """All rows of a table, some at a time."""
        yield from self._dataset(table).to_batches()

    def drop(self, sample_ids: Collection[str]) -> None:
        """Remove the rows of some images, as before they are classified again."""
        if not sample_ids:
            return
        gone = pa.array(sorted(sample_ids), pa.string())
        for table in reversed(TABLES):  # the prediction first: without it the rest does not count
            keep = ~pc.field("sample_id").isin(gone)
            self._replace(table, self._dataset(table).to_batches(filter=keep))

    def compact(self) -> None:
        """Turn the many small parts of each table into one large file; predictions in the order of their ids.

        Only when no process works on the run any more.
        """
        clear_attempts(self.directory)
        for table in TABLES:
            parts = list((self.directory / table).glob("*.parquet"))
            if len(parts) < 2:
                continue
            if table == "predictions":  # a row per image: small enough to sort
                batches = iter(self.read(table).sort_by("sample_id").to_batches())
            else:
                batches = self._dataset(table).to_batches()
            self._replace(table, batches)

    def _replace(self, table: str, batches: Iterator[pa.RecordBatch]) -> None:
        path = self.directory / table
        old, new = path.with_suffix(_OLD), path.with_suffix(_NEW)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        with pq.ParquetWriter(new / "rows.parquet", self._schema(table)) as writer:
            for rows in _merged(batches, self._schema(table)):
                writer.write_table(rows)
        path.rename(old)
        new.rename(path)
        shutil.rmtree(old)

    def _dataset(self, table: str) -> ds.Dataset:
        return ds.dataset(self.directory / table, schema=self._schema(table), format="parquet")

    def _schema(self, table: str) -> pa.Schema:
        return {
            "images": IMAGES,
            "ledger": LEDGER,
            "glimpses": GLIMPSES,
            "predictions": predictions_schema(self.class_names),
        }[table]


ROWS_PER_GROUP = 100_000


def _merged(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Batches of a few rows gathered into row groups that are worth reading."""
    waiting: list[pa.RecordBatch] = []
    num_rows = 0
    for batch in batches:
        waiting.append(batch)
        num_rows += batch.num_rows
        if num_rows >= ROWS_PER_GROUP:
            yield pa.Table.from_batches(waiting, schema)
            waiting, num_rows = [], 0
    if num_rows:
        yield pa.Table.from_batches(waiting, schema)


def _part_name(sample_id: str) -> str:
    return f"part-{hashlib.sha256(sample_id.encode()).hexdigest()[:24]}.parquet"


def _write_atomically(rows: pa.Table, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(rows, temporary)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
