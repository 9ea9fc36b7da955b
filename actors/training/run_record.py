"""run.json of a training run: its settings, so that it is only ever taken up with the same ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from actors.training.figures import EpochFigures, read_figures
from actors.training.job import TrainingJob
from pipeline.records.run import refuse_other_settings, write_text
from pipeline.records.store.disk_store import DiskStore


def open_run(job: TrainingJob) -> bool:
    """Whether the directory holds a run to be taken up; a new one is noted down.

    Raises:
        ResumeError: naming every setting that differs.
    """
    is_resumed = refuse_other_settings(DiskStore(job.out), job.settings)
    if not is_resumed:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        record = {"kind": "training", "started": started, "settings": job.settings}
        write_text(job.out / "run.json", json.dumps(record, indent=2, default=list) + "\n")
    return is_resumed


def best_epoch(job: TrainingJob) -> EpochFigures | None:
    """The epoch that the model is of: the best one of the last stage."""
    last = len(job.stages) - 1
    return max(
        (one for one in read_figures(job.out) if one.stage == last and one.is_best),
        key=lambda one: one.epoch,
        default=None,
    )
