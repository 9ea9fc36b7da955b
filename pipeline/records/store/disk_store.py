"""A run's files in a directory. What is replaced is written aside and renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline.records.store.run_store import RunStore

_NEW, _OLD = ".new", ".old"


@dataclass(frozen=True, slots=True)
class DiskStore(RunStore):
    """A directory that all processes of the run see."""

    directory: Path
    """Where it is."""

    @property
    def uri(self) -> str:
        """The path."""
        return str(self.directory)

    def get(self, key: str) -> bytes | None:
        """What a file holds; None where there is none."""
        try:
            return (self.directory / key).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, key: str, content: bytes) -> None:
        """Write aside, then rename."""
        path = self.directory / key
        try:
            write_atomically(path, content)
        except FileNotFoundError:  # the first file of its folder
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)

    def remove(self, key: str) -> None:
        """Remove a file; none there is no error."""
        (self.directory / key).unlink(missing_ok=True)

    def clear(self, folder: str) -> None:
        """Remove a folder with all that is in it; none there is no error."""
        shutil.rmtree(self.directory / folder, ignore_errors=True)

    def settle(self, table: str) -> None:
        """Finish or undo a replacement that was killed half-way; remove what was being written."""
        path = self.directory / table
        old, new = path.with_suffix(_OLD), path.with_suffix(_NEW)
        if not path.exists() and new.exists():
            new.rename(path)  # killed between the two renames: the new one was complete
        path.mkdir(parents=True, exist_ok=True)
        for leftover in (old, new):
            shutil.rmtree(leftover, ignore_errors=True)
        for unfinished in path.glob(".*.tmp"):
            unfinished.unlink(missing_ok=True)

    def keys(self, folder: str) -> list[str]:
        """Of all files in a folder that are whole, in the order of their names."""
        return sorted(f"{folder}/{path.name}" for path in (self.directory / folder).glob("[!.]*"))

    def scan(
        self,
        table: str,
        schema: pa.Schema,
        *,
        columns: Sequence[str] | None = None,
        keep: pc.Expression | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """All rows of a table, or those that `keep` keeps, some at a time."""
        found = ds.dataset(self.directory / table, schema=schema, format="parquet")
        wanted = None if columns is None else list(columns)
        # Metadata of ten thousand small files would be half a gigabyte.
        scanner = found.scanner(columns=wanted, filter=keep, cache_metadata=False)
        yield from scanner.to_batches()

    def replace(self, table: str, rows: Iterator[pa.Table], schema: pa.Schema) -> None:
        """Write a new directory and swap it in; `settle` finishes or undoes a swap that was killed."""
        path = self.directory / table
        old, new = path.with_suffix(_OLD), path.with_suffix(_NEW)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        with pq.ParquetWriter(new / "rows.parquet", schema) as writer:
            for part in rows:
                writer.write_table(part)
        path.rename(old)
        new.rename(path)
        shutil.rmtree(old)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
