"""How far the images of a run are, and what they cost, as its tables say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.budget.archive_budget import Unit
from pipeline.records.output import Output

_COLUMNS = ("sample_id", "confidence", "num_glimpses", "bytes_read", "stop_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Of one image; as it stands, of one that nothing is known of."""

    confidence: float | None = None
    """Of its prediction; None: it has none."""
    looks: int = 0
    """Taken."""
    num_bytes: int = 0
    """Read."""
    may_go_on: bool = True
    """Whether its walk ended only for what it was allowed to spend."""


def rows_of(output: Output) -> dict[str, Row]:
    """By id."""
    return {
        row["sample_id"]: Row(
            confidence=row["confidence"],
            looks=row["num_glimpses"],
            num_bytes=row["bytes_read"],
            may_go_on=row["stop_reason"] == "archive_budget",
        )
        for row in output.read("predictions", _COLUMNS).to_pylist()
    }


def costs_of(rows: Mapping[str, Row], unit: Unit) -> dict[str, int]:
    """What each image cost, in a unit; nothing in seconds, which are the run's."""
    if unit == "seconds":
        return {}
    return {name: row.looks if unit == "looks" else row.num_bytes for name, row in rows.items()}
