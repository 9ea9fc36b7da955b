"""What a server of a test was asked for: one entry a request, in the order in which they came."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.servers.served_request import ServedRequest, wait_until


@dataclass(slots=True)
class RequestLog:
    """Written by the server's threads, read by a test.

    A client has its answer a moment before it is logged, so its next request may be logged first; that is put right.
    """

    _served: dict[int, ServedRequest] = field(default_factory=dict)
    _num_begun: int = 0
    _num_under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> int:
        """A request has come; its number."""
        with self._lock:
            self._num_under_way += 1
            self._num_begun += 1
            return self._num_begun - 1

    def end(self, number: int, request: ServedRequest) -> None:
        """Request `number` was answered, or given up."""
        with self._lock:
            self._num_under_way -= 1
            self._served[number] = request

    def requests(self) -> list[ServedRequest]:
        """All since the last `forget`, once none is under way."""
        wait_until(lambda: self._num_under_way == 0, "requests are still under way")
        with self._lock:
            return [self._served[number] for number in sorted(self._served)]

    def forget(self) -> None:
        """Begin anew, once none is under way; numbers go on."""
        self.requests()
        with self._lock:
            self._served.clear()
