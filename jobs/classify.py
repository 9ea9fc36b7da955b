"""foveate classify: an archive of images and a model in, tables out.

Also `python -m jobs.classify`, which is what `ray job submit` runs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from actors.engine_config import EngineConfig
from actors.model_directory import open_model
from jobs.classify_job import ClassifyJob, run
from jobs.console import command_line, err, run_alone, told_plainly
from jobs.workers import parse_workers
from pipeline.budget.archive_budget import parse_archive_budget
from pipeline.errors import UsageError
from pipeline.image_list import read_images
from pipeline.records.store.opening import store_at
from pipeline.storage.allowed_places import parse_places


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
    batch_size: Annotated[
        int | None,
        typer.Option(help="Windows per call of the network; else what suits the device.", min=1),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="What it computes in: float32, tf32 or bfloat16; else the model's own."),
    ] = None,
    is_compiled: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Compile the network first: a minute or two per worker, then faster looks. For large archives.",
        ),
    ] = False,
    address: Annotated[str | None, typer.Option(help="Ray cluster to run on.")] = None,
    archive_budget: Annotated[
        str | None,
        typer.Option(
            help="For all images together: 2TB, 100000looks or 90min. Everybody gets a little first, then "
            "those of whom least is certain."
        ),
    ] = None,
    retry_degraded: Annotated[
        bool,
        typer.Option(
            "--retry-degraded", help="Take up images again whose tiles could not all be read."
        ),
    ] = False,
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
        options = {
            "walk.budget": budget,
            "walk.stop_at": stop_at,
            "precision": precision,
            "compiled": is_compiled or None,
            "walk.selection": "full_scan" if full_scan else None,
        }
        asked = _merged(options, parse_changes(changes or []))
        if full_scan:
            asked.setdefault("walk.budget", None)  # not the model's own
        job = ClassifyJob(
            model=open_model(model).with_changes(asked),
            manifest=read_images(images),
            store=store_at(out_place),
            engine=EngineConfig(images_in_flight=in_flight, read_timeout_s=read_timeout),
            workers=parse_workers(workers, num_cpus=num_cpus, num_gpus=num_gpus),
            batch_size=batch_size,
            places=parse_places(allow_hosts),
            archive_budget=None if archive_budget is None else parse_archive_budget(archive_budget),
            tried_again=("failed", "degraded") if retry_degraded else ("failed",),
            address=address,
            arguments=command_line("classify"),
        )
        if job.model.config.walk.stop_at is not None and job.model.config.walk.stop_rule is None:
            err.print(
                "note: the confidence of this model is not calibrated; --stop-at takes it as it is. "
                "foveate calibrate makes it mean the share of right answers"
            )
        if only_say:
            from jobs.dry_run import dry_run  # not above: it loads the doctor

            sys.exit(dry_run(job.manifest.records, job.model, job.places, job.archive_budget))
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


def _merged(options: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for by options and by --set.

    Raises:
        UsageError: if they differ.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in given.keys() & changes.keys():
        if given[name] != changes[name]:
            raise UsageError(
                f"--set {name}={changes[name]}: another option makes it {given[name]}; give one of the two"
            )
    return {**changes, **given}


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    run_alone(classify)
