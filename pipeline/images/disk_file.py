"""Regular files, read by position from many threads. Never a pipe or a device: those could wait for ever."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from pipeline.images.source import Fingerprint


class DiskFile:
    """An open file. Any thread may close it while others read.

    The descriptor is given back by whoever leaves last. Closed under a reader, its number could
    already belong to another file, whose bytes would pass for pixels of this one.

    Raises:
        OSError: if it cannot be opened or is not a regular file.
    """

    def __init__(self, path: str | Path) -> None:
        self._descriptor = _open_regular(path)
        self._lock = threading.Lock()
        self._num_users = 1  # the owner is one; the descriptor lives as long as there are any
        self._is_open = True
        status = os.fstat(self._descriptor)
        self.size_bytes = status.st_size
        self.fingerprint = Fingerprint(status.st_size, status.st_mtime_ns)

    @property
    def is_open(self) -> bool:
        """Whether it was not closed yet."""
        return self._is_open

    def read(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes.

        Raises:
            ValueError: if the file is closed, or ends before.
            OSError: if storage fails.
        """
        self._enter()
        try:
            return _read_exactly(self._descriptor, offset, count, self.size_bytes)
        finally:
            self._leave()

    def duplicate(self) -> int:
        """A descriptor of its own for a library that closes what it is given."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        """No reads from now on; those under way finish. Closing twice is no error."""
        with self._lock:
            was_open, self._is_open = self._is_open, False
        if was_open:
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            if not self._is_open:
                raise ValueError("the image is closed")
            self._num_users += 1

    def _leave(self) -> None:
        with self._lock:
            self._num_users -= 1
            is_last = self._num_users == 0
        if is_last:
            os.close(self._descriptor)


def read_range(path: Path, offset: int, count: int | None) -> bytes | None:
    """Bytes of a file, all from `offset` on where `count` is None; None if there is no file.

    Raises:
        ValueError: if the file ends before.
        OSError: if it is not a regular file, or storage fails.
    """
    try:
        descriptor = _open_regular(path)
    except FileNotFoundError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        wanted = size - offset if count is None else count
        return _read_exactly(descriptor, offset, wanted, size)
    finally:
        os.close(descriptor)


def _open_regular(path: str | Path) -> int:
    # Non-blocking, because opening a pipe would wait for a writer before it could be looked at.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a regular file")
    return descriptor


def _read_exactly(descriptor: int, offset: int, count: int, size: int) -> bytes:
    if offset < 0 or count < 0 or offset + count > size:
        raise ValueError(f"bytes {offset} to {offset + count} are wanted, the file ends at {size}")
    stored = os.pread(descriptor, count, offset)
    while len(stored) < count:
        more = os.pread(descriptor, count - len(stored), offset + len(stored))
        if not more:
            raise ValueError(f"only {len(stored)} of {count} bytes are there")
        stored += more
    return stored
