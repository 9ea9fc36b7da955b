"""How many bytes of chunks an array on a disk stores."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.images.zarr.chunks import ChunkLayout


def stored_bytes(layout: ChunkLayout, directory: Path) -> int:
    """Payload of all chunks, from the sizes of their files."""
    index = layout.shard_index
    per_file = 0 if index is None else index.num_bytes
    files = _stored_files(layout, directory)
    return sum(max(0, entry.stat().st_size - per_file) for entry in files)


def _stored_files(layout: ChunkLayout, directory: Path) -> Iterator[os.DirEntry[str]]:
    """Walked, not asked for one by one: the grid may be vast and hardly anything stored."""
    pending = [""]
    while pending:
        within = pending.pop()
        try:
            entries = list(os.scandir(directory / within))
        except FileNotFoundError:
            continue
        for entry in entries:
            key = within + entry.name
            if re.fullmatch(r"c|[0-9]+", entry.name) and entry.is_dir():
                pending.append(f"{key}/")
            elif layout.is_key(key) and entry.is_file():
                yield entry
