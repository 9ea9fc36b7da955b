"""One request as a server saw it; what tests and benchmarks hold the ledger against."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

SETTLE_S = 5.0
"""How long a log may take to hold everything that was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRequest:
    """A request and what was answered, by the server's own count."""

    method: str
    """GET, HEAD, ..."""
    target: str
    """Path and query, as they came."""
    status: int
    """Of the answer; 0 where the connection was dropped without one."""
    body_bytes: int
    """Bytes of the body that were sent; without headers."""
    range: str
    """The `Range` header; empty without one."""
    seconds: float
    """From the request's first byte to the answer's last."""
    is_whole: bool = True
    """False: the body was cut short, or never came."""

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    @property
    def is_good(self) -> bool:
        """Whether it delivered bytes of an object, all that it promised."""
        return self.status in (200, 206) and self.is_whole and self.method == "GET"


class LoggedServer(Protocol):
    """A running server with a log."""

    def requests(self) -> list[ServedRequest]:
        """All since the start or the last `forget`, once everything that was asked is logged."""

    def forget(self) -> None:
        """Begin the log anew."""


def delivered_bytes(requests: Iterable[ServedRequest]) -> int:
    """Bytes of all bodies of good answers: what a true ledger calls transferred."""
    return sum(one.body_bytes for one in requests if one.is_good)


def wait_until(is_so: Callable[[], bool], what: str, patience_s: float = SETTLE_S) -> None:
    """Poll until something is so.

    Raises:
        TimeoutError: if it never is.
    """
    deadline = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} after {patience_s:g} s")
        time.sleep(0.002)
