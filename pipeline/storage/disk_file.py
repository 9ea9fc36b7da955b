"""Regular files, read by position from many threads. Never a pipe or a device: those could wait for ever."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from pipeline.errors import ObjectChangedError
from pipeline.storage.fingerprint import Fingerprint


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
        self._path = path
        self.fingerprint = _fingerprint(self._descriptor)
        self.size_bytes = self.fingerprint.size_bytes

    def read(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes.

        Raises:
            ValueError: if the file is closed, or ends before.
            ObjectChangedError: if it was written to since it was opened.
            OSError: if storage fails.
        """
        self._enter()
        try:
            if _fingerprint(self._descriptor) != self.fingerprint:
                raise self.changed()
            return _read_exactly(self._descriptor, offset, count, self.size_bytes)
        finally:
            self._leave()

    def changed(self) -> ObjectChangedError:
        """What is raised where it is not the file any more that it was."""
        return ObjectChangedError(
            f"{self._path}: the file changed while it was read; run again when nothing writes to it"
        )

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


def _fingerprint(descriptor: int) -> Fingerprint:
    status = os.fstat(descriptor)
    return Fingerprint(status.st_size, status.st_mtime_ns)


def _open_regular(path: str | Path) -> int:
    # Non-blocking, because opening a pipe would wait for a writer before it could be looked at.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a regular file")
    return descriptor


def _read_exactly(descriptor: int, offset: int, count: int, size: int) -> bytes:
    if offset < 0 or count < 0 or offset + count > size:
        raise ValueError(
            f"bytes {offset} to {offset + count} are wanted, the file ends at {size}; it is cut short or "
            "damaged, copy it again from where it came"
        )
    stored = os.pread(descriptor, count, offset)
    while len(stored) < count:
        more = os.pread(descriptor, count - len(stored), offset + len(stored))
        if not more:
            raise ValueError(f"only {len(stored)} of {count} bytes are there")
        stored += more
    return stored
