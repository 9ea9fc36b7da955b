"""foveate classify: an archive of images and a model in, tables out.

Also `python -m jobs.classify`, which is what `ray job submit` runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from platform import python_version
from typing import Annotated, Any

import typer

from actors.classify_actor import ActorConfig
from actors.engine_config import EngineConfig
from actors.model_directory import ModelDirectory, open_model, settings_of
from jobs.console import OK, SOME_FAILED, err, out, run_alone, told_plainly
from jobs.progress import RunProgress
from jobs.workers import AS_MANY_AS_FIT, WorkersAsked, parse_workers
from pipeline.errors import StorageError, UsageError
from pipeline.images.opening import fingerprint_of
from pipeline.manifest import Manifest, read_images
from pipeline.records.output import Output
from pipeline.records.resume import COLUMNS, Resumption, finished_images, plan_resumption
from pipeline.records.run import Run, refuse_other_settings, write_run
from pipeline.records.store.opening import store_at
from pipeline.records.store.run_store import RunStore
from pipeline.records.summary import UNTRAINED, Tally, readable_bytes, render_summary
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces, parse_places
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import shown

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
    places: AllowedPlaces = EVERYWHERE
    """Where images may lie."""
    address: str | None
    """Ray cluster, or a local one."""
    arguments: tuple[str, ...]
    """The command line, for run.json."""

    @property
    def output(self) -> Output:
        """The tables."""
        return Output(self.store, self.model.config.class_names)


def classify(
    images: Annotated[
        list[str],
        typer.Argument(help="Files, globs, directories, or one manifest (CSV or Parquet)."),
    ],
    model: Annotated[str, typer.Option(help="A model directory, or the name of one that ships.")],
    out_place: Annotated[
        str, typer.Option("--out", help="For the tables: a directory, or s3://BUCKET/PREFIX.")
    ],
    budget: Annotated[int | None, typer.Option(help="Most looks per image.", min=1)] = None,
    stop_at: Annotated[
        float | None, typer.Option(help="Stop at this confidence.", min=0, max=1)
    ] = None,
    full_scan: Annotated[
        bool, typer.Option("--full-scan", help="Look at everything at the finest level.")
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change the model's config, e.g. walk.foreground=tissue."),
    ] = None,
    workers: Annotated[
        str | None, typer.Option(help="Worker processes, as 4, or as 1-8 to follow the work.")
    ] = None,
    num_cpus: Annotated[
        float | None, typer.Option(help="Processors of each worker.", min=1)
    ] = None,
    num_gpus: Annotated[
        float | None, typer.Option(help="GPUs of each worker; 0.5: two share one.", min=0)
    ] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to run on.")] = None,
    in_flight: Annotated[int, typer.Option(help="Images open at once per worker.", min=1)] = 32,
    only_say: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost, and do nothing.")
    ] = False,
    read_timeout: Annotated[
        float, typer.Option(help="Longest wait for the pixels of one look, in seconds.", min=0.1)
    ] = 120.0,
    allow_hosts: Annotated[
        str | None,
        typer.Option(
            help="Read only from these, comma separated: hosts, patterns (*.example.org), buckets "
            "(s3://name), `public` (any public web server), `local` (this machine's disks). "
            "For lists of images that came from elsewhere."
        ),
    ] = None,
) -> None:
    """Classify images by looking only where it matters.

    Writes predictions/, glimpses/, ledger/, run.json and summary.md into --out. Run it again to resume.
    Exit status: 0 all classified, 3 some images failed, 2 wrong use, 1 the run broke.
    """
    with told_plainly():
        asked: dict[str, Any] = parse_changes(changes or [])
        if budget is not None:
            asked["walk.budget"] = budget
        if stop_at is not None:
            asked["walk.stop_at"] = stop_at
        if full_scan:
            asked |= {"walk.selection": "full_scan", "walk.budget": budget}
        job = ClassifyJob(
            model=open_model(model).with_changes(asked),
            manifest=read_images(images),
            store=store_at(out_place),
            engine=EngineConfig(images_in_flight=in_flight, read_timeout_s=read_timeout),
            workers=parse_workers(workers, num_cpus=num_cpus, num_gpus=num_gpus),
            places=parse_places(allow_hosts),
            address=address,
            arguments=("foveate", "classify", *sys.argv[1:])
            if sys.argv[1:2] != ["classify"]
            else ("foveate", *sys.argv[1:]),
        )
        if job.model.config.walk.stop_at is not None and job.model.config.walk.stop_rule is None:
            err.print(
                "note: the confidence of this model is not calibrated; --stop-at takes it as it is. "
                "foveate calibrate makes it mean the share of right answers"
            )
        if only_say:
            from jobs.dry_run import dry_run  # not above: it loads the doctor

            sys.exit(dry_run(job.manifest.records, job.model, job.places))
        status = run(job)
    sys.exit(status)


def parse_changes(changes: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` pairs; values are JSON where they parse as it, text otherwise.

    Raises:
        UsageError: if a pair has no `=`.
    """
    parsed: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals:
            raise UsageError(f"--set {change}: wanted NAME=VALUE, e.g. walk.foreground=tissue")
        try:
            parsed[name] = json.loads(text)
        except ValueError:
            parsed[name] = text
    return parsed


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
    )
    write_run(record, job.store)
    try:
        _classify(job, resumption)
    except KeyboardInterrupt:  # SIGTERM, too, while Ray is up
        _close(job, replace(record, status="interrupted"), resumption, started)
        err.print("interrupted; run the same command again to go on")
        return 130
    tally = _close(job, replace(record, status="finished"), resumption, started)
    return SOME_FAILED if tally.by_status["failed"] else OK


def _prepare(job: ClassifyJob) -> Resumption:
    """Make the directory ready and find what is left to do."""
    try:
        is_resumed = refuse_other_settings(job.store, settings_of(job.model))
        job.output.prepare()
    except (OSError, StorageError) as error:
        raise UsageError(f"--out {job.store.uri}: cannot be written to: {error}") from error
    if job.manifest.ignored_columns:
        err.print(f"note: columns without meaning here: {', '.join(job.manifest.ignored_columns)}")
    written = job.output.read("predictions", list(COLUMNS))
    finished = finished_images(written)
    resumption = plan_resumption(
        job.manifest.records,
        written["sample_id"].to_pylist(),
        finished,
        _fingerprints({one.image_path for one in finished.values()}, job.places).get,
    )
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
    if not resumption.to_do:
        return
    # Not above: wrong use must be told before Ray is loaded, and quickly.
    from actors.distribution import classify_on_ray
    from jobs.cluster import connected, workers_for

    with connected(job.address), RunProgress(len(resumption.to_do), err) as progress:
        workers = workers_for(job.workers)
        config = ActorConfig(
            model=job.model,
            store=job.store,
            engine=job.engine,
            num_threads=int(workers.num_cpus) or 1,
            places=job.places,
        )
        for receipt in classify_on_ray(resumption.to_do, config, workers):
            progress.add(receipt)


def _close(job: ClassifyJob, record: Run, resumption: Resumption, started: float) -> Tally:
    """Compact the tables, write the summary, and say where everything is."""
    output = job.output
    output.compact()
    tally = Tally.of(output.batches("predictions"), output.class_names)
    finished = replace(
        record,
        seconds=time.monotonic() - started,
        totals=tally.totals(resumption.num_skipped),
    )
    write_run(finished, job.store)
    job.store.put("summary.md", render_summary(finished, tally).encode())
    totals = finished.totals
    out.print(
        f"{totals.images} images: {totals.ok} ok, {totals.degraded} degraded, "
        f"{totals.failed} failed; {totals.looks} looks, {readable_bytes(totals.bytes_read)} read "
        f"of {readable_bytes(totals.full_scan_bytes)}"
    )
    out.print(f"tables and summary: {job.store.uri}")
    return tally


def _versions() -> dict[str, str]:
    names = ("foveate", "ray", "torch", "tifffile", "imagecodecs", "zarr", "numpy", "pyarrow")
    found = {"python": python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a working directory, not installed
            found[name] = "not installed"
    return found


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    run_alone(classify)
