"""What a person sees while images are ingested."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import TextColumn

from jobs.progress_line import ProgressLine


class IngestProgress(ProgressLine):
    """Share of the pixels done, time left, images done, megapixels/s."""

    def __init__(self, num_images: int, num_pixels: int, console: Console) -> None:
        share = TextColumn("{task.percentage:>3.0f}%")
        super().__init__("ingest", num_pixels, share, console)
        self._started_s = time.monotonic()
        self._num_images = num_images
        self._num_done = 0
        self._num_pixels = 0

    def add_pixels(self, count: int) -> None:
        """So many more pixels of level 0 are done; from any thread."""
        self._num_pixels += count
        self.advance(count, self._facts())

    def add_image(self) -> None:
        """One more image is written, or has failed."""
        self._num_done += 1
        self.advance(0, self._facts())

    def _facts(self) -> str:
        seconds = max(time.monotonic() - self._started_s, 1e-9)
        rate = self._num_pixels / 1e6 / seconds
        return f"{self._num_done} of {self._num_images} images, {rate:.0f} megapixels/s"
