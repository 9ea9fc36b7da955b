"""Tables that are made from a run's own: written whole, replaced by the next."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def replace_table(path: Path, schema: pa.Schema, rows: list[dict[str, object]]) -> None:
    """Write a Parquet directory, whole; an earlier one is replaced."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), partial / "rows.parquet")
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)
