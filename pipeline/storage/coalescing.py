"""Near byte ranges become one request: how near, and how much at once. Pure planning.

A request waits some 30 ms for its first byte; in that time 16 KiB pass many times. And where requests and bytes
are paid for, a GET costs as much as the egress of some 4 KiB (0.4 dollars a million, 0.09 dollars a GB, list
prices of the largest provider in 2026). Horizontal neighbours of a TIFF lie side by side or within a few bytes
(COG writes 8 between), so 16 KiB join them; rows of tiles lie megabytes apart and are never joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.storage.byte_range import ByteRange

MAX_GAP_BYTES = 16 * 2**10
"""Ranges at most this far apart are read as one."""
MAX_REQUEST_BYTES = 8 * 2**20
"""No request is made longer than this by joining."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One read of one object, for one or more ranges."""

    wanted: ByteRange
    """What is read."""
    members: tuple[int, ...]
    """Which of the ranges it is for, by number, in the order of their offsets."""


def plan_requests(
    ranges: Sequence[ByteRange],
    *,
    max_gap_bytes: int = MAX_GAP_BYTES,
    max_request_bytes: int = MAX_REQUEST_BYTES,
) -> list[Request]:
    """Every range in exactly one request; those without a known end alone."""
    numbers = range(len(ranges))
    requests = [Request(wanted=ranges[n], members=(n,)) for n in numbers if not ranges[n].is_exact]
    exact = [n for n in numbers if ranges[n].is_exact]
    exact.sort(key=lambda n: (ranges[n].key, ranges[n].offset))
    current: Request | None = None
    for number in exact:
        one = ranges[number]
        if current is not None:
            joined = _joined(current.wanted, one, max_gap_bytes)
            if joined is not None and _length(joined) <= max_request_bytes:
                current = Request(wanted=joined, members=(*current.members, number))
                continue
            requests.append(current)
        current = Request(wanted=one, members=(number,))
    return requests if current is None else [*requests, current]


def gap_bytes(request: Request, ranges: Sequence[ByteRange]) -> int:
    """Bytes of a request that none of its ranges wants."""
    if not request.wanted.is_exact:
        return 0
    wanted = sum(_length(ranges[number]) for number in request.members)
    return _length(request.wanted) - wanted + sum(shared_bytes(request, ranges))


def shared_bytes(request: Request, ranges: Sequence[ByteRange]) -> list[int]:
    """Of each range of a request, the bytes that ranges before it want, too: equal tiles may be stored once."""
    shared, reached = [], request.wanted.offset
    for number in request.members:
        one = ranges[number]
        shared.append(max(0, min(reached, _end(one)) - one.offset) if one.is_exact else 0)
        reached = max(reached, _end(one))
    return shared


def _joined(span: ByteRange, one: ByteRange, max_gap_bytes: int) -> ByteRange | None:
    """Both in one range; None where they are too far apart, or not of one object. `one` starts no earlier."""
    if (one.key, one.version) != (span.key, span.version) or one.offset - _end(
        span
    ) > max_gap_bytes:
        return None
    return replace(span, count=max(_end(span), _end(one)) - span.offset)


def _length(one: ByteRange) -> int:
    return one.count or 0


def _end(one: ByteRange) -> int:
    return one.offset + _length(one)
