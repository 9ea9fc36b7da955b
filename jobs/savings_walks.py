"""The walks of foveate savings, one after another, and what their tables say together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from actors.model_directory import ModelDirectory
from jobs.classify_job import ClassifyJob, run
from jobs.console import OK, SOME_FAILED, err, out
from pipeline.errors import ImageError
from pipeline.image_record import ImageRecord
from pipeline.images.foreground import ForegroundKind
from pipeline.manifest import Manifest
from pipeline.records.finished_run import open_run
from pipeline.records.output import Output
from pipeline.records.run import write_text
from pipeline.records.store.disk_store import DiskStore
from pipeline.savings.audit import AuditRow, audit
from pipeline.savings.measure import WALKS, Measure, Way
from pipeline.savings.page import render_savings
from pipeline.savings.stop_calibration import StopLine, stop_line
from pipeline.savings.summary import summarise
from pipeline.savings.tables import write_savings
from pipeline.savings.unread import Unread, count_unread
from pipeline.savings.walked import WorkPerLook, measures_of
from pipeline.savings.walks import known_walk

NUM_READERS = 16
"""Images whose index is looked at at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsJob:
    """Everything that was asked for, checked."""

    out: Path
    """Directory for all tables."""
    attention: ClassifyJob
    """The walk at the largest budget; its tables lie in the directory itself."""
    budgets: tuple[int, ...]
    """Looks per image to compare at, smallest first."""
    compared: tuple[Way, ...]
    """Other walks to take."""
    foreground: ForegroundKind
    """Of the tiles that someone who knows where tissue is would read."""
    audited: tuple[ImageRecord, ...]
    """Images to scan in full."""

    def run_of(self, way: Way) -> ClassifyJob:
        """The classification that a way stands for."""
        job = self.attention
        if way == "attention":
            return job
        changes: dict[str, Any] = {"walk.proposals": way}
        manifest = job.manifest
        if way == "full_scan":
            changes = {"walk.selection": "full_scan", "walk.budget": None}
            manifest = Manifest(records=self.audited)
        return replace(
            job,
            model=job.model.with_changes(changes),
            manifest=manifest,
            store=DiskStore(self.out / "ways" / way),
        )


def run_savings(job: SavingsJob) -> int:
    """Take the walks that were not taken yet, and write the tables; returns the worst exit status of them."""
    from jobs.cluster import connected  # not above: it loads Ray

    status = OK
    with connected(job.attention.address):
        for way in (*WALKS, "full_scan"):
            if way in ("attention", *job.compared) or (way == "full_scan" and job.audited):
                err.print(f"\n{_TITLES[way]}")
                status = max(status, run(job.run_of(way)))
                if status not in (OK, SOME_FAILED):
                    return status
    measures, audited = _measured(job)
    lines = summarise(measures)
    write_savings(job.out, measures, lines, audited)
    write_text(job.out / "savings.md", render_savings(lines, audited, _stops(job)))
    out.print((job.out / "savings.md").read_text(encoding="utf-8"), markup=False)
    return status


_TITLES: Mapping[Way, str] = {
    "attention": "looking where the model points",
    "random": "as many looks by chance",
    "centre": "as many looks near the centre",
    "full_scan": "scanning a sample in full",
}


def _stops(job: SavingsJob) -> list[StopLine]:
    """What stopping would have come to on labelled images, where the model's confidence is calibrated."""
    rule = job.attention.model.config.walk.stop_rule
    walks = [known_walk(image) for image in open_run(job.out).images()]
    known = [walk for walk in walks if walk is not None]
    if rule is None or not known:
        return []
    return [stop_line(known, rule, target) for target in rule.targets]


def _measured(job: SavingsJob) -> tuple[list[Measure], list[AuditRow]]:
    scan = job.run_of("full_scan").output
    scanned = _labels(scan) if job.audited else {}
    labels = {sample_id: label for sample_id, (label, _, _) in scanned.items()}
    work = _work(job.attention.model)
    measures: list[Measure] = []
    for way in ("attention", *job.compared):
        output = job.run_of(way).output
        measures.extend(measures_of(output, way, job.budgets, scanned=labels, work=work))
    for unread in _unread(job, work):
        measures.append(unread.everything)
        if unread.foreground is not None:
            measures.append(unread.foreground)
    if job.audited:
        measures.extend(measures_of(scan, "full_scan", [None], scanned=labels, work=work))
    walked = _labels(job.attention.output)
    short = {sample_id: (label, sure) for sample_id, (label, sure, _) in scanned.items()}
    return measures, audit(walked, short)


def _labels(output: Output) -> dict[str, tuple[str, float, str | None]]:
    """Label, confidence and true label of classified images."""
    columns = ("sample_id", "label", "confidence", "true_label")
    rows = output.read("predictions", columns).to_pylist()
    return {
        row["sample_id"]: (row["label"], row["confidence"], row["true_label"])
        for row in rows
        if row["label"] is not None
    }


def _unread(job: SavingsJob, work: WorkPerLook) -> Iterator[Unread]:
    """Counted from the index of every image that was classified; one that went away since is told."""
    classified = _labels(job.attention.output)
    records = [one for one in job.attention.manifest.records if one.sample_id in classified]
    count = partial(_counted, job, work)
    with ThreadPoolExecutor(NUM_READERS) as pool:
        for found in pool.map(count, records):
            if isinstance(found, Unread):
                yield found
            else:
                err.print(f"not compared with a full scan: {found}", markup=False)


def _counted(job: SavingsJob, work: WorkPerLook, record: ImageRecord) -> Unread | ImageError:
    try:
        return count_unread(record, job.attention.model.config.plan, kind=job.foreground, work=work)
    except ImageError as error:
        return error


def _work(model: ModelDirectory) -> WorkPerLook:
    from models.counts import look_cost  # not above: it loads torch

    config = model.config
    cost = look_cost(
        config.architecture,
        num_classes=len(config.class_names),
        num_bands=config.input.num_bands,
        input_px=config.input.base_px,
        network=config.network,
    )
    per_look = cost.feature_extraction + cost.positional_encoding + cost.location
    return WorkPerLook(per_look=per_look, per_image=cost.classification)
