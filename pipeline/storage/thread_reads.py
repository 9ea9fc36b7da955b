"""What this thread reads from files, as the kernel counts it: for libraries that do not say what they read."""

from __future__ import annotations

import os
from dataclasses import dataclass

_COUNTERS = "/proc/thread-self/io"
"""Of Linux. Elsewhere there is no such file, and nothing is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Some reads."""

    num_bytes: int
    """Bytes that they delivered, from the disk or from the page cache."""
    num_calls: int
    """Calls to the kernel."""


class ThreadReads:
    """Counts what the thread that made it reads from now on, in whatever library."""

    def __init__(self) -> None:
        before, own_bytes = _counters()
        # The kernel writes its counters down before it counts the reading of them.
        self._bytes = before.num_bytes + own_bytes
        self._calls = before.num_calls + 1

    def so_far(self) -> Reads:
        """Reads since then; all 0 where the kernel does not count. To be asked once, by the same thread."""
        now, own_bytes = _counters()
        if not own_bytes:
            return Reads(num_bytes=0, num_calls=0)
        return Reads(num_bytes=now.num_bytes - self._bytes, num_calls=now.num_calls - self._calls)


def _counters() -> tuple[Reads, int]:
    """The thread's counters, and how many bytes they themselves take."""
    try:
        descriptor = os.open(_COUNTERS, os.O_RDONLY)
    except OSError:
        return Reads(num_bytes=0, num_calls=0), 0
    try:
        text = os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
    counts = dict(line.split(b": ") for line in text.splitlines())
    reads = Reads(num_bytes=int(counts[b"rchar"]), num_calls=int(counts[b"syscr"]))
    return reads, len(text)
