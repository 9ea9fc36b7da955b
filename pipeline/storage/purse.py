"""How many bytes may still be read; for an image whose share of an archive's budget is limited."""

from __future__ import annotations

import threading


class Purse:
    """Bytes to spend. Safe to use from many threads.

    What is taken before a read and turns out not to be needed is given back after it; so at no moment is more read
    than there was.

    Args:
        num_bytes: at the start; None: without end.
    """

    def __init__(self, num_bytes: int | None = None) -> None:
        self._num_bytes = num_bytes
        self._left = num_bytes
        self._lock = threading.Lock()

    @property
    def is_endless(self) -> bool:
        """Whether nothing is ever refused."""
        return self._left is None

    @property
    def num_left(self) -> int | None:
        """Bytes left; None: without end."""
        return self._left

    @property
    def num_spent(self) -> int:
        """Bytes taken and not given back; 0 where there is no end, and nobody counts."""
        if self._num_bytes is None or self._left is None:
            return 0
        return self._num_bytes - self._left

    def take(self, num_bytes: int) -> bool:
        """Take bytes out; False, and nothing is taken, where there are not as many."""
        with self._lock:
            if self._left is None:
                return True
            if num_bytes > self._left:
                return False
            self._left -= num_bytes
            return True

    def take_at_most(self, num_bytes: int) -> int:
        """Take bytes out, as many as there are up to a number; says how many."""
        with self._lock:
            if self._left is None:
                return num_bytes
            taken = min(num_bytes, self._left)
            self._left -= taken
            return taken

    def give_back(self, num_bytes: int) -> None:
        """Bytes that were taken and not read."""
        with self._lock:
            if self._left is not None:
                self._left += num_bytes
