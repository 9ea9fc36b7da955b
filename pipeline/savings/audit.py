"""What the walk misses: a full scan of some images, and where it says something else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pipeline.errors import UsageError
from pipeline.savings.summary import Estimate, share

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One image that was scanned in full."""

    sample_id: str
    """Which."""
    walk_label: str
    """What the walk said."""
    walk_confidence: float
    """How sure it was."""
    scan_label: str
    """What the full scan said."""
    scan_confidence: float
    """How sure it was."""
    agrees: bool
    """Whether both say the same."""
    true_label: str | None
    """Of the manifest."""


def sample_of(records: Sequence[T], *, share_of_all: float, at_least: int, seed: int) -> list[T]:
    """Some of them, drawn without looking at them, in their order.

    Raises:
        UsageError: if that is none.
    """
    count = min(len(records), max(at_least, math.ceil(len(records) * share_of_all)))
    if not count:
        raise UsageError("no image to scan in full; give --audit a share, such as 5%")
    chosen = np.random.default_rng(seed).choice(len(records), count, replace=False)
    return [records[index] for index in sorted(chosen)]


def audit(
    walked: Mapping[str, tuple[str, float, str | None]], scanned: Mapping[str, tuple[str, float]]
) -> list[AuditRow]:
    """Row by row.

    Args:
        walked: label, confidence and true label, by sample_id.
        scanned: label and confidence, by sample_id.
    """
    rows = []
    for sample_id in sorted(walked.keys() & scanned.keys()):
        label, confidence, truth = walked[sample_id]
        scan_label, scan_confidence = scanned[sample_id]
        rows.append(
            AuditRow(
                sample_id=sample_id,
                walk_label=label,
                walk_confidence=confidence,
                scan_label=scan_label,
                scan_confidence=scan_confidence,
                agrees=label == scan_label,
                true_label=truth,
            )
        )
    return rows


def disagreement(rows: Sequence[AuditRow]) -> Estimate | None:
    """Share of scanned images where the walk says something else, with Wilson's interval."""
    return share(sum(not row.agrees for row in rows), len(rows)) if rows else None
