"""foveate search: regions of an archive that look like a given one, by the walk of classify."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from actors.engine_config import EngineConfig
from actors.model_directory import (
    CONFIG,
    UNSAID,
    WEIGHTS,
    ModelDirectory,
    config_to_text,
    open_model,
    settings_of,
)
from jobs.classify_job import ClassifyJob, run
from jobs.console import command_line, out, run_alone, told_plainly
from jobs.workers import parse_workers
from pipeline.errors import ImageError, StorageError, TileReadError, UsageError
from pipeline.image_list import read_images
from pipeline.image_record import ImageRecord
from pipeline.images.region import Region
from pipeline.records.matches import MATCHES, Match, best_matches, matches_csv
from pipeline.records.run import refuse_other_settings
from pipeline.records.store.opening import store_at
from pipeline.records.store.run_store import RunStore
from pipeline.storage.allowed_places import parse_places

MODEL = "model"
_SHOWN = 10


def search(
    images: Annotated[
        list[str],
        typer.Argument(help="Files, globs, directories, or one manifest (CSV or Parquet)."),
    ],
    like: Annotated[str, typer.Option(help="Image that shows the example.")],
    region: Annotated[str, typer.Option(help="Where in it: Y,X,HEIGHT,WIDTH in level-0 pixels.")],
    model: Annotated[
        str,
        typer.Option(
            help="A model directory, or the name of one that ships; its features compare."
        ),
    ],
    out_place: Annotated[
        str, typer.Option("--out", help="For the tables: a directory, or s3://BUCKET/PREFIX.")
    ],
    budget: Annotated[int | None, typer.Option(help="Most looks per image.", min=1)] = None,
    top: Annotated[int, typer.Option(help="Regions to list.", min=1)] = 100,
    workers: Annotated[
        str | None, typer.Option(help="Worker processes, as 4, or as 1-8 to follow the work.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to run on.")] = None,
    allow_hosts: Annotated[
        str | None, typer.Option(help="Read only from these; see foveate classify.")
    ] = None,
) -> None:
    """Find regions that look like an example, reading only on the way to them.

    Makes a model of the example (--out/model), classifies with it, and lists the regions that are most like it in
    matches.csv. Run it again to resume. Exit status as of classify.
    """
    with told_plainly():
        from actors.example import Example, model_of_example  # not above: it loads torch

        places = parse_places(allow_hosts)
        shown = _only_image(like)
        original = open_model(model)
        if budget is not None:
            original = original.with_changes({"walk.budget": budget})
        example = Example(image=shown, region=parse_region(region))
        store = store_at(out_place)
        try:
            seen = model_of_example(original, example, places)
        except (ImageError, TileReadError) as error:
            raise UsageError(f"--like: the example cannot be seen: {error}") from error
        made = replace(seen, place=f"{store.uri}/{MODEL}")
        job = ClassifyJob(
            model=made,
            manifest=read_images(images),
            store=store,
            engine=EngineConfig(),
            workers=parse_workers(workers, num_cpus=None, num_gpus=None),
            places=places,
            address=address,
            arguments=command_line("search"),
        )
        _keep(made, store)
        status = run(job)
        _list(best_matches(job.output, top), store)
    sys.exit(status)


def parse_region(text: str) -> Region:
    """Y,X,HEIGHT,WIDTH.

    Raises:
        UsageError: if it is not four whole numbers, the last two from 1.
    """
    try:
        y, x, height, width = (int(part) for part in text.split(","))
        return Region(y, x, height, width)
    except ValueError:
        raise UsageError(
            f"--region {text}: give Y,X,HEIGHT,WIDTH in level-0 pixels, e.g. 5120,2048,96,96"
        ) from None


def _only_image(like: str) -> ImageRecord:
    found = read_images([like]).records
    if len(found) != 1:
        raise UsageError(
            f"--like {like}: {len(found)} images; give the one image that shows the example"
        )
    return found[0]


def _list(matches: list[Match], store: RunStore) -> None:
    """All into the table, the first to the person."""
    store.put(MATCHES, matches_csv(matches).encode())
    for one in matches[:_SHOWN]:
        at = one.region
        line = f"{one.likeness:.3f}  {one.sample_id}  {at.y},{at.x},{at.height},{at.width}"
        out.print(line, markup=False, highlight=False)
    out.print(f"{len(matches)} regions, the most alike first: {store.uri}/{MATCHES}")


def _keep(model: ModelDirectory, store: RunStore) -> None:
    """The model of the example, for `foveate classify --model`; never in the place of another search's."""
    try:
        refuse_other_settings(store, settings_of(model), UNSAID)
        store.put(f"{MODEL}/{CONFIG}", config_to_text(model.config).encode())
        store.put(f"{MODEL}/{WEIGHTS}", model.weights)
    except (OSError, StorageError) as error:
        raise UsageError(f"--out {store.uri}: cannot be written to: {error}") from error


if __name__ == "__main__":
    run_alone(search)
