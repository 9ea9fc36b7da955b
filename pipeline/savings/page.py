"""savings.md: one table for a person."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.records.summary import cell, readable_bytes
from pipeline.savings.audit import AuditRow, disagreement
from pipeline.savings.stop_calibration import StopLine
from pipeline.savings.summary import Estimate, SavingsLine, share

_NAMES = {
    "attention": "attention",
    "random": "random looks",
    "centre": "centre looks",
    "foreground": "foreground tiles only",
    "full_scan": "every pixel of the finest level that the model reads",
}
MAX_MISSES_SHOWN = 20


def render_savings(
    lines: Sequence[SavingsLine], audited: Sequence[AuditRow], stops: Sequence[StopLine] = ()
) -> str:
    """Markdown."""
    parts = [*_table(lines), "", *_stops(stops), *_audit(audited)]
    return "\n".join(["# What attention saved", "", *parts]) + "\n"


def _stops(stops: Sequence[StopLine]) -> list[str]:
    rows = [
        f"| {line.target:.2f} | {line.num_stopped} | {_right(line)} | {line.accuracy:.1%} | {line.mean_looks:.1f} |"
        for line in stops
    ]
    if not rows:
        return []
    return [
        "## Stopping by calibrated confidence",
        "",
        "| --stop-at | stopped before the budget | right of those | right of all | looks per image |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def _right(line: StopLine) -> str:
    return _share(share(line.num_right, line.num_stopped)) if line.num_stopped else "-"


def _table(lines: Sequence[SavingsLine]) -> list[str]:
    whole = next((one for one in lines if one.way == "full_scan" and not one.is_run), None)
    rows = [f"| {' | '.join(_cells(line, whole))} |" for line in lines]
    return [
        "Means per image, 95 % intervals in brackets (Wilson's for shares, Student's for means).",
        "",
        (
            "| way | looks | images | accuracy | agrees with the full scan | bytes read | of a full scan "
            "| native pixels | tiles | requests | seconds | multiplications |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *rows,
    ]


def _cells(line: SavingsLine, whole: SavingsLine | None) -> list[str]:
    amounts = line.amounts
    name = _NAMES[line.way] + ("" if line.is_run else " (from the index, not read)")
    return [
        name,
        _number(amounts.get("looks")),
        str(line.num_images),
        _share(line.accuracy),
        _share(line.agreement),
        _bytes(amounts.get("bytes_read")),
        _ratio(line, whole),
        _number(amounts.get("native_pixels")),
        _number(amounts.get("tiles")),
        _number(amounts.get("requests")),
        "-" if "seconds" not in amounts else f"{amounts['seconds'].value:.2f}",
        "-" if "multiplications" not in amounts else f"{amounts['multiplications'].value:.3g}",
    ]


def _ratio(line: SavingsLine, whole: SavingsLine | None) -> str:
    if whole is None or not {"bytes_read"} <= line.amounts.keys() & whole.amounts.keys():
        return "-"
    of_all = whole.amounts["bytes_read"].value
    if line.num_images != whole.num_images or not of_all:
        return "-"  # a sample's mean is no share of the archive's
    return f"{line.amounts['bytes_read'].value / of_all:.2%}"


def _audit(audited: Sequence[AuditRow]) -> list[str]:
    rate = disagreement(audited)
    if rate is None:
        return []
    misses = [row for row in audited if not row.agrees]
    shown = [
        f"| {cell(row.sample_id)} | {cell(row.walk_label)} ({row.walk_confidence:.2f}) "
        f"| {cell(row.scan_label)} ({row.scan_confidence:.2f}) | {cell(row.true_label or '')} |"
        for row in misses[:MAX_MISSES_SHOWN]
    ]
    text = [
        "## Audit",
        "",
        (
            f"{rate.count} image{' was' if rate.count == 1 else 's were'} scanned in full. The walk says "
            f"something else on {_share(rate)} of them."
        ),
    ]
    if shown:
        text += ["", "| image | walk | full scan | true |", "|---|---|---|---|", *shown]
    if len(misses) > len(shown):
        text += ["", f"The first {len(shown)} of {len(misses)}; all are in `audit/`."]
    return text


def _share(found: Estimate | None) -> str:
    if found is None:
        return "-"
    return f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]"


def _number(found: Estimate | None) -> str:
    return "-" if found is None else f"{found.value:,.0f}"


def _bytes(found: Estimate | None) -> str:
    if found is None:
        return "-"
    return (
        f"{readable_bytes(found.value)} [{readable_bytes(found.low)}, {readable_bytes(found.high)}]"
    )
