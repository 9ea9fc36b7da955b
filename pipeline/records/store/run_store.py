"""What a run needs of the place where it keeps its files. Keys are relative: `predictions/part-1.parquet`.

A store is a plain value: any number of processes, on any machine, may hold one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc


class RunStore(ABC):
    """Where a run keeps its files. Every method may raise OSError (a disk) or StorageError (a server)."""

    @property
    @abstractmethod
    def uri(self) -> str:
        """As a person names it."""

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """What a file holds; None where there is none."""

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Write a file, whole or not at all; an earlier one is replaced."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove a file; none there is no error."""

    @abstractmethod
    def clear(self, folder: str) -> None:
        """Remove a folder with all that is in it; none there is no error."""

    @abstractmethod
    def settle(self, table: str) -> None:
        """Make a table's folder ready: what was replaced when a process was killed is finished or undone."""

    @abstractmethod
    def keys(self, folder: str) -> list[str]:
        """Of all files in a folder that are whole, in the order of their names."""

    @abstractmethod
    def scan(
        self,
        table: str,
        schema: pa.Schema,
        *,
        columns: Sequence[str] | None = None,
        keep: pc.Expression | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """All rows of a table, or those that `keep` keeps, some at a time."""

    @abstractmethod
    def replace(self, table: str, rows: Iterator[pa.Table], schema: pa.Schema) -> None:
        """Write rows into one file that takes the place of all files of a table."""
