"""What a person sees while a run goes on: one line, and nothing when nobody watches."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from actors.classify_actor import Receipt
from pipeline.records.summary import readable_bytes


class RunProgress:
    """Images done, time left, images/s, looks/s, bytes read and saved. A context manager."""

    def __init__(self, total: int, console: Console) -> None:
        self._progress = Progress(
            TextColumn("classify"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("classify", total=total, facts="starting")
        self._started_s = time.monotonic()
        self._num_images = self._num_looks = self._bytes_read = self._full_bytes = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def add(self, receipt: Receipt) -> None:
        """One more image is written."""
        self._num_images += 1
        self._num_looks += receipt.num_glimpses
        self._bytes_read += receipt.bytes_read
        self._full_bytes += receipt.full_scan_bytes
        self._progress.update(self._task, advance=1, facts=self._facts())

    def _facts(self) -> str:
        seconds = max(time.monotonic() - self._started_s, 1e-9)
        saved = readable_bytes(max(0, self._full_bytes - self._bytes_read))
        return (
            f"{self._num_images / seconds:.1f} images/s, {self._num_looks / seconds:.0f} looks/s, "
            f"read {readable_bytes(self._bytes_read)}, saved {saved}"
        )
