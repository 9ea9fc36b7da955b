"""A job that is told to stop: Ctrl-C, or SIGTERM from whoever takes the machine back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.console import err

INTERRUPTED = 130
"""Exit status: the same command goes on."""


def interrupted() -> int:
    """Say how to go on; the exit status."""
    err.print("interrupted; run the same command again to go on")
    return INTERRUPTED


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM interrupts, as Ctrl-C does, and so leaves time to write down what is done."""
    if threading.current_thread() is not threading.main_thread():  # nobody else may have handlers
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
