"""One event loop for all network reads of this process, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to its end; the calling thread waits. Safe to use from many threads."""
    return asyncio.run_coroutine_threadsafe(work, _loop(os.getpid())).result()


@lru_cache(maxsize=1)
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """The loop of this process; a fork gets its own, for threads do not live on in a child."""
    loop = asyncio.new_event_loop()
    threading.Thread(
        target=loop.run_forever, name=f"foveate-network-{process}", daemon=True
    ).start()
    return loop


def slots(count: int) -> asyncio.Semaphore:
    """So many may be inside at once, of all that the loop runs. To be called from within it."""
    return _slots(asyncio.get_running_loop(), count)


@lru_cache(maxsize=8)
def _slots(_loop: asyncio.AbstractEventLoop, count: int) -> asyncio.Semaphore:
    return asyncio.Semaphore(count)
