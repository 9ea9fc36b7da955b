"""What one read cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Bytes fetched from storage for one purpose (a tile, or the header and index of an image)."""

    requested_bytes: int = 0
    """Encoded bytes of exactly what was asked for."""
    transferred_bytes: int = 0
    """Bytes that storage delivered; more than requested when neighbours or an index came along."""
    num_requests: int = 0
    """Reads issued to storage."""
    seconds: float = 0.0
    """Time from the first request to decoded pixels."""

    def __add__(self, other: Acquisition) -> Acquisition:
        return Acquisition(
            self.requested_bytes + other.requested_bytes,
            self.transferred_bytes + other.transferred_bytes,
            self.num_requests + other.num_requests,
            self.seconds + other.seconds,
        )
