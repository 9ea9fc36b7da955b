"""An event loop for each thread: zarr's codecs are coroutines, and its own loop would be a bottleneck."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
_per_thread = threading.local()


def run_here(work: Coroutine[Any, Any, T]) -> T:
    """Run to its end in this thread."""
    own = getattr(_per_thread, "loop", None)
    if own is None:
        own = _per_thread.loop = _Loop()
    result: T = own.run(work)
    return result


class _Loop:
    """An event loop that is closed when its thread ends; codecs run in this thread too."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_SameThread(1))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to its end."""
        return self._loop.run_until_complete(work)

    def __del__(self) -> None:
        self._loop.close()


class _SameThread(ThreadPoolExecutor):
    """Runs work where it is handed in. Callers have threads of their own; another hop only costs time."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run now."""
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # handed on, as every executor does
            done.set_exception(error)
        return done
