"""Files that stay open for the next read, a few at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict

from pipeline.storage.disk_file import DiskFile

MAX_KEPT = 32
"""Files open at once, per directory."""


class KeptFiles:
    """The files of a directory that were read last. Safe to use from many threads."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, DiskFile] = OrderedDict()
        self._lock = threading.Lock()
        self._is_open = True

    def file(self, path: str) -> DiskFile:
        """An open file. One that was closed meanwhile refuses to be read, and reads under way finish.

        Raises:
            OSError: if it cannot be opened.
        """
        with self._lock:
            if path in self._files:
                self._files.move_to_end(path)
                return self._files[path]
            file = DiskFile(path)
            if self._is_open:
                self._files[path] = file
            oldest = self._files.popitem(last=False)[1] if len(self._files) > MAX_KEPT else None
        if oldest is not None:
            oldest.close()
        return file

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            self._is_open = False
            files = list(self._files.values())
            self._files.clear()
        for file in files:
            file.close()
