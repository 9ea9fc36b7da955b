"""foveate savings: what looking where it matters saved, at every budget, against reading more and looking elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from actors.engine_config import EngineConfig
from actors.model_directory import open_model
from jobs.classify import parse_changes
from jobs.classify_job import ClassifyJob
from jobs.console import command_line, run_alone, told_plainly
from jobs.costs import read_lists, write_costs
from jobs.dry_run import dry_run
from jobs.labels import refuse_unknown_labels
from jobs.savings_walks import SavingsJob, run_savings
from jobs.workers import WorkersAsked
from pipeline.errors import UsageError
from pipeline.image_list import read_images
from pipeline.image_record import ImageRecord
from pipeline.images.foreground import ForegroundKind
from pipeline.records.store.disk_store import DiskStore
from pipeline.records.store.opening import directory_at
from pipeline.savings.audit import sample_of
from pipeline.savings.budgets import parse_budgets, parse_share
from pipeline.savings.measure import WALKS, Way


def savings(
    images: Annotated[
        list[str],
        typer.Argument(help="Files, globs, directories, or one manifest (CSV or Parquet)."),
    ],
    model: Annotated[str, typer.Option(help="A model directory, or the name of one that ships.")],
    out_place: Annotated[str, typer.Option("--out", help="Directory for the tables.")],
    budgets: Annotated[str, typer.Option(help="Looks per image to compare at.")] = "1,2,4,8,16",
    compare: Annotated[
        str, typer.Option(help="Other walks to take: random, centre, both, or none.")
    ] = "random,centre",
    audit_share: Annotated[
        str | None, typer.Option("--audit", help="Share of the images to scan in full, e.g. 5%.")
    ] = None,
    scan_sample: Annotated[
        int, typer.Option(help="Images to scan in full at least, for its time.", min=0)
    ] = 1,
    foreground: Annotated[
        str, typer.Option(help="Also count the tiles with `tissue` or `valid` data; `none`: not.")
    ] = "valid",
    cost: Annotated[
        list[Path] | None, typer.Option(help="Price list (YAML); may be given again.")
    ] = None,
    export_orders: Annotated[
        Path | None, typer.Option(help="Write what would be ordered there, as GeoJSON.")
    ] = None,
    only_say: Annotated[
        bool, typer.Option("--dry-run", help="Say what the walk would cost, and do nothing.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the choice of images to scan.", min=0)] = 0,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the model's config, as in classify.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", min=1)] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to run on.")] = None,
) -> None:
    """Measure what attention saves.

    One walk at the largest budget holds all smaller ones. Beside it: as many looks by chance and at the centre, the
    tiles with something to see, and everything. Writes savings/, savings_summary/, audit/ and savings.md beside the
    tables of classify. Run it again to resume.
    """
    with told_plainly():
        found = parse_budgets(budgets)
        read_lists(cost or [], export_orders)  # before anything is read
        records = read_images(images)
        opened = open_model(model).with_changes(
            {**parse_changes(changes or []), "walk.budget": found[-1], "walk.stop_at": None}
        )
        refuse_unknown_labels(records.records, opened.config.class_names)
        out_dir = directory_at(out_place, "savings")
        job = SavingsJob(
            out=out_dir,
            attention=ClassifyJob(
                manifest=records,
                model=opened,
                store=DiskStore(out_dir),
                engine=EngineConfig(),
                workers=WorkersAsked(least=workers, most=workers),
                address=address,
                arguments=command_line("savings"),
            ),
            budgets=found,
            compared=_walks(compare),
            foreground=_foreground(foreground),
            audited=_audited(records.records, audit_share, scan_sample, seed),
        )
        if only_say:
            sys.exit(dry_run(records.records, opened))
        status = run_savings(job)
        if cost:
            write_costs(out_dir, cost, export_orders)
    sys.exit(status)


def _audited(
    records: Sequence[ImageRecord], share: str | None, at_least: int, seed: int
) -> tuple[ImageRecord, ...]:
    if share is None and not at_least:
        return ()
    part = parse_share(share) if share is not None else 0.0
    return tuple(sample_of(records, share_of_all=part, at_least=at_least, seed=seed))


def _walks(text: str) -> tuple[Way, ...]:
    names = [] if text in ("", "none") else [part.strip() for part in text.split(",")]
    unknown = [name for name in names if name not in ("random", "centre")]
    if unknown or len(set(names)) < len(names):
        raise UsageError(f"--compare {text}: wanted random, centre, random,centre or none")
    return tuple(way for way in WALKS if way in names)


def _foreground(text: str) -> ForegroundKind:
    for kind in ("none", "valid", "tissue", "stored"):
        if text == kind:
            return kind
    raise UsageError(f"--foreground {text}: wanted tissue, valid, stored or none")


if __name__ == "__main__":
    run_alone(savings)
