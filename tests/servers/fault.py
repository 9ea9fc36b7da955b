"""What goes wrong with an answer, and with which: plans that do not depend on the order of requests."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "status",
    "reset",
    "stall",
    "stall_in_body",
    "truncate",
    "redirect",
    "no_ranges",
    "wrong_length",
    "chunked",
    "other_range",
    "trickle",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request, as a plan sees it."""

    number: int
    """0 is the first since the server started."""
    path: str
    """Without the query."""
    query: str
    """What follows the question mark."""
    range: str
    """The `Range` header; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way of not answering as asked."""

    kind: Kind
    """`status`: an error's status; `reset`: the connection is dropped; `stall`: silence, before or in the body;
    `truncate`: half the body, then the end; `redirect`: to `location`; `no_ranges`: all of the object with 200;
    `wrong_length`: `Content-Length` says more than comes; `chunked`: right, but without `Content-Length`;
    `other_range`: the bytes after those that were asked for; `trickle`: right, but byte by byte."""
    status: int = 503
    """For `status` and `redirect`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Of the answer, more than usual; such as `Retry-After`."""
    location: str = ""
    """For `redirect`."""
    stall_s: float = 30.0
    """For stalls; they end early when the server does."""


Plan: TypeAlias = Callable[[Ask], Fault | None]
"""Which requests go wrong, and how."""


def never(_: Ask) -> Fault | None:
    """Nothing goes wrong."""
    return None


def always(fault: Fault) -> Plan:
    """Every request."""
    return lambda _: fault


def at_first(fault: Fault, count: int = 1) -> Plan:
    """The first requests for each range of each object; later ones are answered."""
    tries = _Tries()
    return lambda ask: fault if tries.count(ask) < count else None


def after(fault: Fault, count: int) -> Plan:
    """All but the first requests since the plan was made."""
    first: list[int] = []

    def plan(ask: Ask) -> Fault | None:
        first[:] = first or [ask.number]
        return fault if ask.number - first[0] >= count else None

    return plan


def now_and_then(faults: Sequence[Fault], *, one_in: int) -> Plan:
    """The first try of one in so many ranges, chosen by their names: the same ones in whatever order they come."""
    tries = _Tries()

    def plan(ask: Ask) -> Fault | None:
        told = hashlib.sha256(f"{ask.path} {ask.range}".encode()).digest()
        is_chosen = int.from_bytes(told[:4], "big") % one_in == 0
        is_first = tries.count(ask) == 0
        return faults[told[4] % len(faults)] if is_chosen and is_first else None

    return plan


class _Tries:
    """How often each range of each object was asked for. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}

    def count(self, ask: Ask) -> int:
        """Times before this one."""
        with self._lock:
            seen = self._counts.get((ask.path, ask.range), 0)
            self._counts[(ask.path, ask.range)] = seen + 1
        return seen
