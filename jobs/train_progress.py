"""What a person sees while a model learns: the workers write training.jsonl, this follows it."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import MofNCompleteColumn

from actors.training.figures import LOG
from jobs.progress_line import ProgressLine

_EVERY_S = 0.5


class TrainProgress(ProgressLine):
    """Steps done, time left, images/s, loss, and validation accuracy after each epoch. A context manager."""

    def __init__(self, directory: Path, console: Console) -> None:
        super().__init__("train", 0, MofNCompleteColumn(), console)
        self._path = directory / LOG
        self._console = console
        self._done = 0
        self._position = self._path.stat().st_size if self._path.exists() else 0
        self._is_over = Event()
        self._thread = Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        super().__enter__()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        super().__exit__(kind, error, traceback)

    def _follow(self) -> None:
        while not self._is_over.wait(_EVERY_S):
            self._read_on()
        self._read_on()

    def _read_on(self) -> None:
        if not self._path.exists():
            return
        if self._path.stat().st_size < self._position:  # a run taken up again cut it
            self._position = 0
        with self._path.open(encoding="utf-8") as file:
            file.seek(self._position)
            while (line := file.readline()).endswith("\n"):
                self._position = file.tell()
                self._show(json.loads(line))

    def _show(self, row: dict[str, Any]) -> None:
        if row["kind"] == "step":
            facts = f"{row['images_per_s']:.0f} images/s, loss {row['loss']:.3f}"
            self.expect(row["steps_total"])
            self.advance(row["steps_done"] - self._done, facts)
            self._done = row["steps_done"]
            return
        best = ", best so far" if row["is_best"] else ""
        self._console.print(
            f"epoch {row['epoch'] + 1}: loss {row['loss']:.3f}, accuracy {row['accuracy']:.1%}; "
            f"validation {row['validation_accuracy']:.1%} with {row['validation_looks']:.1f} looks"
            f"{best} ({row['seconds']:.0f} s)",
            highlight=False,
        )
