"""What a person sees while a run goes on."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import MofNCompleteColumn

from actors.receipt import Receipt
from jobs.progress_line import ProgressLine
from pipeline.records.summary import readable_bytes


class RunProgress(ProgressLine):
    """Images done, time left, images/s, looks/s, bytes read and saved."""

    def __init__(self, total: int, console: Console, title: str = "classify") -> None:
        super().__init__(title, total, MofNCompleteColumn(), console)
        self._started_s = time.monotonic()
        self._num_images = self._num_looks = self._bytes_read = self._full_bytes = 0

    def add(self, receipt: Receipt) -> None:
        """One more image is written."""
        self._num_images += 1
        self._num_looks += receipt.num_glimpses
        self._bytes_read += receipt.bytes_read
        self._full_bytes += receipt.full_scan_bytes
        self.advance(1, self._facts())

    def _facts(self) -> str:
        seconds = max(time.monotonic() - self._started_s, 1e-9)
        saved = readable_bytes(max(0, self._full_bytes - self._bytes_read))
        return (
            f"{self._num_images / seconds:.1f} images/s, {self._num_looks / seconds:.0f} looks/s, "
            f"read {readable_bytes(self._bytes_read)}, saved {saved}"
        )
