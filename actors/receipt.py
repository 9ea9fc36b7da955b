"""What the driver hears of an image whose rows are written."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipeline.records.result import Failure, ImageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One image whose rows are written."""

    sample_id: str = ""
    """Which image."""
    status: str = ""
    """`ok`, `degraded` or `failed`; `put_off`: no row was written, the image comes up again."""
    num_glimpses: int = 0
    """Looks taken."""
    bytes_read: int = 0
    """Bytes transferred."""
    full_scan_bytes: int = 0
    """Encoded bytes of its finest level; 0 where that is not known."""
    refusal: str | None = None
    """Why the worker cannot classify anything at all: its model does not load. No image then."""


RECEIPT_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("status", pa.string()),
        ("num_glimpses", pa.int64()),
        ("bytes_read", pa.int64()),
        ("full_scan_bytes", pa.int64()),
        ("refusal", pa.string()),
    ]
)


def receipt_of(result: ImageResult) -> Receipt:
    """What the driver hears of a result."""
    outcome = result.outcome
    if isinstance(outcome, Failure):
        counts = (0, outcome.bytes_read, 0)
        status = "put_off" if outcome.is_put_off else "failed"
    else:
        counts = (outcome.num_glimpses, outcome.bytes_read, outcome.full_scan_bytes or 0)
        status = outcome.status
    return Receipt(
        sample_id=outcome.record.sample_id,
        status=status,
        num_glimpses=counts[0],
        bytes_read=counts[1],
        full_scan_bytes=counts[2],
    )
