"""What reading cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """Bytes fetched from storage for one purpose (a tile, or the header and index of an image).

    Bytes are of the objects themselves; what a protocol wraps around them is not counted.
    """

    requested_bytes: int = 0
    """Encoded bytes of exactly the tiles that were asked for."""
    gap_bytes: int = 0
    """Bytes between them that came along because near ranges were read as one."""
    index_bytes: int = 0
    """Header, metadata, and indexes of where tiles lie."""
    transferred_bytes: int = 0
    """All bytes that storage delivered and that were used: the three above, but bytes that several tiles share once.

    What came of requests that broke off is not known, and not in it."""
    num_requests: int = 0
    """Reads issued to storage; those that failed and were tried again count each time."""
    seconds: float = 0.0
    """Time from the first request to decoded pixels."""

    def __add__(self, other: Acquisition) -> Acquisition:
        return Acquisition(
            requested_bytes=self.requested_bytes + other.requested_bytes,
            gap_bytes=self.gap_bytes + other.gap_bytes,
            index_bytes=self.index_bytes + other.index_bytes,
            transferred_bytes=self.transferred_bytes + other.transferred_bytes,
            num_requests=self.num_requests + other.num_requests,
            seconds=self.seconds + other.seconds,
        )
