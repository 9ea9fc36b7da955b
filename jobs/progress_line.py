"""One line that a person sees while work goes on, and nothing when nobody watches."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn


class ProgressLine:
    """What is done, a bar, time left, and some facts. A context manager."""

    def __init__(self, name: str, total: int, done: ProgressColumn, console: Console) -> None:
        self._progress = Progress(
            TextColumn(name),
            BarColumn(),
            done,
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}", markup=False),  # it may name an image
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(name, total=total, facts="starting")

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

    def expect(self, total: int) -> None:
        """So much there is to do."""
        self._progress.update(self._task, total=total)

    def advance(self, count: int, facts: str) -> None:
        """So much more is done; from any thread."""
        self._progress.update(self._task, advance=count, facts=facts)
