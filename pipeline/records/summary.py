"""summary.md: a run on one page, for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.records.run import Run, Totals

MAX_FAILURES_SHOWN = 20
UNTRAINED = (
    "THE MODEL IS UNTRAINED: its weights are random numbers. "
    "Every label and confidence here is meaningless."
)


@dataclass(slots=True)
class Tally:
    """Counts over a predictions table, batch by batch, so that its size does not matter."""

    by_status: Counter[str] = field(default_factory=Counter)
    """Images per status."""
    by_label: Counter[str] = field(default_factory=Counter)
    """Images per predicted class."""
    correct: int = 0
    """Images whose prediction is their true label."""
    labelled: int = 0
    """Classified images with a true label that the model knows."""
    looks: int = 0
    """Looks taken."""
    bytes_read: int = 0
    """Bytes transferred."""
    full_scan_bytes: int = 0
    """Encoded bytes of the finest level of the classified images, where it is known."""
    compared_bytes: int = 0
    """Bytes transferred of those images."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Id and error of the first failed images."""

    @classmethod
    def of(cls, batches: Iterable[pa.RecordBatch], class_names: Iterable[str]) -> Tally:
        """Count all rows."""
        tally, known = cls(), frozenset(class_names)
        for batch in batches:
            for row in batch.select(_COLUMNS).to_pylist():
                tally._add(row, known)
        return tally

    def totals(self, num_skipped: int) -> Totals:
        """The sums that run.json keeps."""
        return Totals(
            images=self.by_status.total(),
            ok=self.by_status["ok"],
            degraded=self.by_status["degraded"],
            failed=self.by_status["failed"],
            skipped=num_skipped,
            looks=self.looks,
            bytes_read=self.bytes_read,
            full_scan_bytes=self.full_scan_bytes,
        )

    def _add(self, row: dict[str, object], known: frozenset[str]) -> None:
        self.by_status[str(row["status"])] += 1
        self.bytes_read += _number(row["bytes_read"])
        if row["status"] == "failed":
            if len(self.failures) < MAX_FAILURES_SHOWN:
                self.failures.append((str(row["sample_id"]), str(row["error"])))
            return
        self.by_label[str(row["label"])] += 1
        self.looks += _number(row["num_glimpses"])
        if row["full_scan_bytes"] is not None:
            self.compared_bytes += _number(row["bytes_read"])
        self.full_scan_bytes += _number(row["full_scan_bytes"])
        if row["true_label"] in known:
            self.labelled += 1
            self.correct += row["true_label"] == row["label"]


_COLUMNS = [
    "sample_id",
    "status",
    "label",
    "num_glimpses",
    "bytes_read",
    "full_scan_bytes",
    "error",
    "true_label",
]


def render_summary(run: Run, tally: Tally) -> str:
    """Markdown."""
    lines = ["# foveate run", ""]
    if not run.is_trained:
        lines += [f"> **{UNTRAINED}**", ""]
    lines += [*_facts(run, tally), "", *_labels(tally), *_failures(tally)]
    return "\n".join(lines).rstrip() + "\n"


def readable_bytes(count: float) -> str:
    """As 12.3 MB: powers of 1000, as disks and networks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _facts(run: Run, tally: Tally) -> list[str]:
    totals = run.totals
    share = tally.compared_bytes / tally.full_scan_bytes if tally.full_scan_bytes else None
    saved = "" if share is None else f" ({share:.2%} of a full scan of the same files)"
    counts = (
        f"{totals.images}: {totals.ok} ok, {totals.degraded} degraded, {totals.failed} failed "
        f"({totals.skipped} from an earlier run)"
    )
    facts = [
        ("images", counts),
        ("looks", f"{totals.looks}"),
        ("bytes read", f"{readable_bytes(totals.bytes_read)}{saved}"),
        ("time", f"{run.seconds:.1f} s, {run.status}"),
        ("model", f"`{run.model}`, {'trained' if run.is_trained else '**untrained**'}"),
        ("started", run.started),
        ("command", f"`{' '.join(run.arguments)}`"),
    ]
    if tally.labelled:
        accuracy = f"{tally.correct / tally.labelled:.1%} of {tally.labelled} labelled images"
        facts.insert(1, ("accuracy", accuracy))
    if run.archive_budget is not None:
        facts.append(("archive budget", str(run.archive_budget)))
    return ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in facts)]


def _labels(tally: Tally) -> list[str]:
    rows = [f"| {cell(label)} | {count} |" for label, count in tally.by_label.most_common(50)]
    return (
        ["## Predicted classes", "", "| class | images |", "|---|---|", *rows, ""] if rows else []
    )


def _failures(tally: Tally) -> list[str]:
    rows = [f"| {cell(name)} | {cell(error)} |" for name, error in tally.failures]
    if not rows:
        return []
    num_failed = tally.by_status["failed"]
    title = f"## Failed images ({num_failed})"
    note = "" if num_failed == len(rows) else f"The first {len(rows)}; all are in `predictions/`."
    return [title, "", *([note, ""] if note else []), "| image | why |", "|---|---|", *rows, ""]


def cell(text: str) -> str:
    """Text for a table, whatever an id or an error holds."""
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
