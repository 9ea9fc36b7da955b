"""How a job ends: its messages and its exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from models.errors import ModelError
from pipeline.errors import UsageError

OK, BROKE, WRONG_USE, SOME_FAILED = 0, 1, 2, 3
"""Exit statuses: every image classified; the run itself broke; wrong use; some images are `failed`."""

WIDE = 160
"""Columns of a table that goes into a file or a pipe, where nobody's window is too narrow."""

# Names of files and images are shown as they are: [left] is no style, and :heart: no picture.
_AS_IT_IS: dict[str, Any] = {"soft_wrap": True, "highlight": False, "markup": False, "emoji": False}
out = Console(width=None if sys.stdout.isatty() else WIDE, **_AS_IT_IS)
err = Console(stderr=True, **_AS_IT_IS)


def counted(count: int, noun: str) -> str:
    """As `1 image` or `2 images`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def command_line(verb: str) -> tuple[str, ...]:
    """As run.json keeps it, whether it was called as `foveate VERB` or as `python -m jobs.VERB`, which has no verb."""
    said = sys.argv[1:]
    return ("foveate", *said) if said[:1] == [verb] else ("foveate", verb, *said)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Wrong use ends with one message and status 2, not with a traceback."""
    try:
        yield
    except (UsageError, ModelError) as error:
        err.print(f"error: {error}", markup=False, style="red")
        sys.exit(WRONG_USE)


def run_alone(command: Callable[..., None]) -> None:
    """Run one job as `python -m jobs.NAME`, as `ray job submit` does."""
    import typer

    typer.run(command)
