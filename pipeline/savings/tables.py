"""savings/, savings_summary/ and audit/: Parquet directories beside the run's own. See docs/savings.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from pipeline.records.side_table import replace_table
from pipeline.savings.audit import AuditRow
from pipeline.savings.measure import AMOUNTS, Measure
from pipeline.savings.summary import Estimate, SavingsLine

SAVINGS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("way", pa.string()),
        ("budget", pa.int64()),
        ("is_run", pa.bool_()),
        ("label", pa.string()),
        ("confidence", pa.float64()),
        ("is_right", pa.bool_()),
        ("agrees", pa.bool_()),
        *((name, pa.float64() if name == "seconds" else pa.int64()) for name in AMOUNTS),
    ]
)
ESTIMATES = ("accuracy", "agreement", *AMOUNTS)
SUMMARY = pa.schema(
    [
        ("way", pa.string()),
        ("budget", pa.int64()),
        ("is_run", pa.bool_()),
        ("num_images", pa.int64()),
        *((f"{name}{end}", pa.float64()) for name in ESTIMATES for end in ("", "_low", "_high")),
    ]
)
AUDIT = pa.schema(
    [
        ("sample_id", pa.string()),
        ("walk_label", pa.string()),
        ("walk_confidence", pa.float64()),
        ("scan_label", pa.string()),
        ("scan_confidence", pa.float64()),
        ("agrees", pa.bool_()),
        ("true_label", pa.string()),
    ]
)


def write_savings(
    directory: Path,
    measures: Iterable[Measure],
    lines: Sequence[SavingsLine],
    audited: Sequence[AuditRow],
) -> None:
    """All three tables; those of an earlier run are replaced."""
    replace_table(directory / "savings", SAVINGS, [asdict(measure) for measure in measures])
    replace_table(directory / "savings_summary", SUMMARY, [_summary_row(line) for line in lines])
    replace_table(directory / "audit", AUDIT, [asdict(row) for row in audited])


def _summary_row(line: SavingsLine) -> dict[str, object]:
    row: dict[str, object] = {
        "way": line.way,
        "budget": line.budget,
        "is_run": line.is_run,
        "num_images": line.num_images,
    }
    shares = {"accuracy": line.accuracy, "agreement": line.agreement}
    for name in ESTIMATES:
        row |= _columns(name, shares.get(name) or line.amounts.get(name))
    return row


def _columns(name: str, found: Estimate | None) -> dict[str, object]:
    if found is None:
        return {}
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
