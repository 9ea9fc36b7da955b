"""foveate calibrate: makes --stop-at mean the share of right answers, by images with labels that training never saw."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from actors.engine_config import EngineConfig
from actors.model_directory import CONFIG, ModelDirectory, config_to_text, open_model
from jobs.classify_job import ClassifyJob, run
from jobs.console import OK, SOME_FAILED, command_line, err, out, run_alone, told_plainly
from jobs.labels import refuse_unknown_labels
from jobs.workers import WorkersAsked
from pipeline.errors import UsageError
from pipeline.image_list import read_images
from pipeline.manifest import Manifest
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import open_run
from pipeline.records.run import write_text
from pipeline.records.store.disk_store import DiskStore
from pipeline.records.store.opening import directory_at
from pipeline.savings.stop_calibration import KnownWalk, refuse_few, stop_line
from pipeline.savings.stop_calibration import calibrate as find_rule
from pipeline.savings.walks import known_walk
from pipeline.walk.stop_rule import StopRule


def calibrate(
    model: Annotated[Path, typer.Argument(help="A model directory; its config.json is rewritten.")],
    images: Annotated[str, typer.Argument(help="Manifest (CSV or Parquet) with labels.")],
    out_place: Annotated[str, typer.Option("--out", help="Directory for the tables of the walks.")],
    split: Annotated[str | None, typer.Option(help="Only the rows of this split.")] = "validation",
    budget: Annotated[int | None, typer.Option(help="Most looks per image.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of the cut in halves.", min=0)] = 0,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", min=1)] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to run on.")] = None,
) -> None:
    """Calibrate when a model may stop.

    Walks labelled images that training never saw to the end of the budget, and writes into the model's config.json
    from which confidence on, after how many looks, enough answers are right. The model's hash changes with it.
    """
    with told_plainly():
        opened = open_model(str(model))
        if not (model / CONFIG).is_file():
            raise UsageError(
                f"{model}: give the directory of the model; those that ship stay as they are"
            )
        changes: dict[str, Any] = {"walk.stop_at": None, "walk.stop_rule": None}
        if budget is not None:
            changes["walk.budget"] = budget
        manifest = _labelled(images, split)
        refuse_unknown_labels(manifest.records, opened.config.class_names)
        refuse_few(len(manifest.records))
        out_dir = directory_at(out_place, "calibrate")
        job = ClassifyJob(
            manifest=manifest,
            model=opened.with_changes(changes),
            store=DiskStore(out_dir),
            engine=EngineConfig(),
            workers=WorkersAsked(least=workers, most=workers),
            address=address,
            arguments=command_line("calibrate"),
        )
        status = run(job)
        if status not in (OK, SOME_FAILED):
            sys.exit(status)
        walks = list(walks_of(open_run(out_dir).images(), manifest))
        rule = find_rule(walks, seed=seed)
        _write(opened, rule)
        _show(rule, walks)
    sys.exit(status)


def _labelled(path: str, split: str | None) -> Manifest:
    found = read_images([path])
    chosen = tuple(one for one in found.records if split is None or one.split == split)
    if not chosen:
        splits = sorted({str(one.split) for one in found.records})
        raise UsageError(f"{path}: no row of the split {split!r}; there are {', '.join(splits)}")
    bare = [one.sample_id for one in chosen if one.label is None]
    if bare:
        raise UsageError(f"{path}: {bare[0]} has no label; every row needs one to calibrate by")
    return replace(found, records=chosen)


def walks_of(images: Iterator[FinishedImage], manifest: Manifest) -> Iterator[KnownWalk]:
    """Of the list's images, by its labels: the tables may hold those of another split, or of before a correction."""
    labels = {one.sample_id: one.label for one in manifest.records}
    for image in images:
        walk = known_walk(replace(image, true_label=labels.get(image.sample_id)))
        if walk is not None:
            yield walk


def _write(model: ModelDirectory, rule: StopRule) -> None:
    config = model.config
    calibrated = replace(config, walk=replace(config.walk, stop_rule=rule))
    text = config_to_text(calibrated)
    write_text(Path(model.place) / CONFIG, text)
    err.print(f"written: {Path(model.place) / CONFIG}")


def _show(rule: StopRule, walks: list[KnownWalk]) -> None:
    table = Table("--stop-at", "stopped early", "right of those", "right of all", "looks per image")
    for target in rule.targets:
        line = stop_line(walks, rule, target)
        right = f"{line.num_right / line.num_stopped:.1%}" if line.num_stopped else "-"
        table.add_row(
            f"{target:.2f}",
            f"{line.num_stopped} of {len(walks)}",
            right,
            f"{line.accuracy:.1%}",
            f"{line.mean_looks:.1f}",
        )
    out.print(table)
    out.print("On the images that the rule was found on; others are the judge.")


if __name__ == "__main__":
    run_alone(calibrate)
