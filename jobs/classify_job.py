"""A run of classify from its plan to its summary: what is left to do, who does it, what came of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from platform import python_version

from actors.classify_actor import ActorConfig
from actors.engine_config import EngineConfig
from actors.model_directory import UNSAID, ModelDirectory, settings_of
from jobs.console import OK, SOME_FAILED, counted, err, out
from jobs.interruption import interrupted
from jobs.passes import Passes, forget_rows, spent_of
from jobs.progress import RunProgress
from jobs.workers import AS_MANY_AS_FIT, WorkersAsked
from pipeline.budget.account import account_of
from pipeline.budget.archive_budget import ArchiveBudget
from pipeline.errors import StorageError, UsageError
from pipeline.image_record import ImageRecord
from pipeline.images.opening import fingerprint_of
from pipeline.manifest import Manifest
from pipeline.records.output import Output
from pipeline.records.resume import COLUMNS, Resumption, finished_images, plan_resumption
from pipeline.records.run import Run, Spending, refuse_other_settings, seconds_before, write_run
from pipeline.records.store.run_store import RunStore
from pipeline.records.summary import UNTRAINED, Tally, readable_bytes, render_summary
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import shown
from pipeline.walk.allowance import Allowance

RESUME_THREADS = 32
"""Images of an earlier run that are looked up at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyJob:
    """Everything that was asked for, checked."""

    manifest: Manifest
    """The images."""
    model: ModelDirectory
    """The model, with the run's changes."""
    store: RunStore
    """Where the tables go."""
    engine: EngineConfig
    """How much a worker takes on at once."""
    workers: WorkersAsked = AS_MANY_AS_FIT
    """Worker processes."""
    batch_size: int | None = None
    """Windows of every call of the network; None: what suits a worker's device."""
    places: AllowedPlaces = EVERYWHERE
    """Where images may lie."""
    archive_budget: ArchiveBudget | None = None
    """What all images together may cost; None: each has only its own budget."""
    tried_again: Collection[str] = ("failed",)
    """Statuses of images of an earlier run that are not finished."""
    address: str | None
    """Ray cluster, or a local one."""
    arguments: tuple[str, ...]
    """The command line, for run.json."""

    @property
    def output(self) -> Output:
        """The tables."""
        return Output(self.store, self.model.config.class_names)


def run(job: ClassifyJob) -> int:
    """Classify what is not classified yet; returns the exit status."""
    started = time.monotonic()
    is_trained = job.model.config.trained
    if not is_trained:
        err.print(f"WARNING: {UNTRAINED}", style="bold red")
    resumption = _prepare(job)
    record = Run(
        settings=settings_of(job.model),
        arguments=job.arguments,
        versions=_versions(),
        model=shown(job.model.place),
        is_trained=is_trained,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=seconds_before(job.store),
    )
    write_run(record, job.store)
    try:
        _classify(job, resumption)
    except KeyboardInterrupt:  # SIGTERM, too, while Ray is up
        _close(job, replace(record, status="interrupted"), resumption, started)
        return interrupted()
    tally = _close(job, replace(record, status="finished"), resumption, started)
    return SOME_FAILED if tally.by_status["failed"] else OK


def _prepare(job: ClassifyJob) -> Resumption:
    """Make the directory ready and find what is left to do."""
    try:
        is_resumed = refuse_other_settings(job.store, settings_of(job.model), UNSAID)
        if job.archive_budget is not None:
            account_of(job.store, job.archive_budget.unit)  # refuses another unit
        job.output.prepare()
    except (OSError, StorageError) as error:
        raise UsageError(f"--out {job.store.uri}: cannot be written to: {error}") from error
    if job.manifest.ignored_columns:
        err.print(f"note: columns without meaning here: {', '.join(job.manifest.ignored_columns)}")
    predictions = job.output.read("predictions", list(COLUMNS))
    finished = finished_images(predictions, tried_again=job.tried_again)
    resumption = plan_resumption(
        job.manifest.records,
        job.output.sample_ids(),
        finished,
        _fingerprints({one.image_path for one in finished.values()}, job.places).get,
    )
    if job.archive_budget is not None:
        forget_rows(job.archive_budget, job.output, resumption.to_drop)
    job.output.drop(resumption.to_drop)
    if is_resumed:
        err.print(
            f"resuming: {resumption.num_skipped} of {len(job.manifest.records)} images are done"
        )
    return resumption


def _fingerprints(paths: Iterable[str], places: AllowedPlaces) -> dict[str, Fingerprint | None]:
    """Of images as they are now; many at once, for each may wait for a server."""
    known = sorted(paths)
    with ThreadPoolExecutor(RESUME_THREADS) as pool:
        found = pool.map(partial(fingerprint_of, places=places), known)
        return dict(zip(known, found, strict=True))


def _classify(job: ClassifyJob, resumption: Resumption) -> None:
    if not resumption.to_do and job.archive_budget is None:
        return
    # Not above: wrong use must be told before Ray is loaded, and quickly.
    from actors.distribution import classify_on_ray
    from jobs.cluster import connected, workers_for

    def classify(
        records: Sequence[ImageRecord], allowances: Mapping[str, Allowance], title: str
    ) -> float:
        started, first_s = time.monotonic(), None
        workers = workers_for(job.workers)
        config = ActorConfig(
            model=job.model,
            store=job.store,
            engine=job.engine,
            num_threads=int(workers.num_cpus) or 1,
            batch_size=job.batch_size,
            gpu_share=min(1.0, workers.num_gpus or 1.0),
            places=job.places,
        )
        with RunProgress(len(records), err, title) as progress:
            for receipt in classify_on_ray(records, config, workers, allowances):
                first_s = first_s or time.monotonic() - started
                progress.add(receipt)
        return first_s or 0.0

    if job.model.config.compiled:
        err.print("note: each worker compiles the network first, for a minute or two")
    with connected(job.address):
        if job.archive_budget is None:
            classify(resumption.to_do, {}, "classify")
        else:
            Passes(
                job.archive_budget,
                job.output,
                job.manifest.records,
                most_looks=job.model.config.walk.budget,
                is_merged=resumption.num_skipped > 0,
            ).run(resumption.to_do, classify)


def _close(job: ClassifyJob, record: Run, resumption: Resumption, started: float) -> Tally:
    """Compact the tables, write the summary, and say where everything is."""
    output = job.output
    output.compact()
    tally = Tally.of(output.batches("predictions"), output.class_names)
    finished = replace(
        record,
        seconds=record.seconds + time.monotonic() - started,
        totals=tally.totals(resumption.num_skipped),
        archive_budget=_spending(job),
    )
    write_run(finished, job.store)
    job.store.put("summary.md", render_summary(finished, tally).encode())
    totals = finished.totals
    out.print(
        f"{counted(totals.images, 'image')}: {totals.ok} ok, {totals.degraded} degraded, "
        f"{totals.failed} failed; {counted(totals.looks, 'look')}, {readable_bytes(totals.bytes_read)} read "
        f"of {readable_bytes(totals.full_scan_bytes)}"
    )
    if finished.archive_budget is not None:
        out.print(f"archive budget: {finished.archive_budget}")
    out.print(f"tables and summary: {job.store.uri}")
    return tally


def _spending(job: ClassifyJob) -> Spending | None:
    budget = job.archive_budget
    if budget is None:
        return None
    spent = spent_of(budget, job.output)
    return Spending(amount=budget.amount, unit=budget.unit, spent=spent)


def _versions() -> dict[str, str]:
    names = ("foveate", "ray", "torch", "tifffile", "imagecodecs", "zarr", "numpy", "pyarrow")
    found = {"python": python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a working directory, not installed
            found[name] = "not installed"
    return found
