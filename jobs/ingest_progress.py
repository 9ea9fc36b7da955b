"""What a person sees while images are ingested: one line, and nothing when nobody watches."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class IngestProgress:
    """Share of the pixels done, time left, images done, megapixels/s. A context manager."""

    def __init__(self, num_images: int, num_pixels: int, console: Console) -> None:
        self._progress = Progress(
            TextColumn("ingest"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("ingest", total=num_pixels, facts="starting")
        self._started_s = time.monotonic()
        self._num_images = num_images
        self._num_done = 0
        self._num_pixels = 0

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

    def add_pixels(self, count: int) -> None:
        """So many more pixels of level 0 are done; from any thread."""
        self._num_pixels += count
        self._progress.update(self._task, advance=count, facts=self._facts())

    def add_image(self) -> None:
        """One more image is written, or has failed."""
        self._num_done += 1
        self._progress.update(self._task, facts=self._facts())

    def _facts(self) -> str:
        seconds = max(time.monotonic() - self._started_s, 1e-9)
        rate = self._num_pixels / 1e6 / seconds
        return f"{self._num_done} of {self._num_images} images, {rate:.0f} megapixels/s"
