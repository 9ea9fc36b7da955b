"""foveate ingest: images without a pyramid in, OME-Zarr 0.5 out.

Also `python -m jobs.ingest`, which is what `ray job submit` runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.console import OK, SOME_FAILED, counted, err, out, run_alone, told_plainly
from jobs.ingest_survey import Surveyed, survey_images, tell
from jobs.interruption import interrupted
from pipeline.image_list import read_images
from pipeline.ingest.settings import DEFAULT_QUALITY, IngestSettings
from pipeline.records.summary import readable_bytes
from pipeline.storage.allowed_places import parse_places

if TYPE_CHECKING:  # they load zarr and dask, which wrong use and help must not wait for
    from actors.ingest_tasks import IngestReceipt
    from pipeline.ingest.ingest import Ingested, IngestTask


def ingest(
    images: Annotated[
        list[str],
        typer.Argument(help="Files, globs, directories, URLs, or one manifest (CSV or Parquet)."),
    ],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for NAME.ome.zarr.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Also images that have a pyramid.")
    ] = False,
    codec: Annotated[
        str,
        typer.Option(help="blosc or zstd (lossless); jpeg (lossy) for images that are JPEG now."),
    ] = "blosc",
    quality: Annotated[int, typer.Option(help="Of --codec jpeg.", min=1, max=100)] = (
        DEFAULT_QUALITY
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and how large it gets.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results of other images or settings.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Images at once, each in a Ray worker.", min=1)
    ] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to run on.")] = None,
    allow_hosts: Annotated[
        str | None,
        typer.Option(help="Only read these hosts and buckets (comma separated)."),
    ] = None,
) -> None:
    """Write images as OME-Zarr pyramids (0.5, sharded, 2 x 2 area means).

    Not needed for classify, which reads images where they lie. Run it again to finish what was interrupted.
    Exit status: 0 all done, 3 some images failed, 2 wrong use, 1 the run broke.
    """
    with told_plainly():
        settings = IngestSettings(codec=codec, quality=quality)  # type: ignore[arg-type]  # it checks
        records = read_images(images).records
        from pipeline.ingest.ingest import IngestTask  # not above: it loads zarr and dask
        from pipeline.ingest.publication import result_path

        common = IngestTask(
            uri="",
            final=out_dir.absolute(),
            settings=settings,
            is_overwriting=overwrite,
            places=parse_places(allow_hosts),
        )
        tasks = [
            replace(
                common,
                uri=record.image_path,
                final=result_path(common.final, record.sample_id),
                pixel_size=record.pixel_size,
            )
            for record in records
        ]
        surveyed = list(survey_images(records, tasks, with_pyramids=everything))
    for one in surveyed:
        tell(one, settings)
    failures = [one.problem for one in surveyed if one.problem is not None]
    try:
        failures += [] if dry_run else _run(surveyed, workers, address)
    except KeyboardInterrupt:
        sys.exit(interrupted())
    _close(surveyed, failures, out_dir, is_dry=dry_run)
    sys.exit(SOME_FAILED if failures else OK)


def _run(surveyed: Sequence[Surveyed], workers: int | None, address: str | None) -> list[str]:
    """Ingest what is to be done; returns what went wrong."""
    to_do = [one for one in surveyed if one.survey is not None and one.survey.state == "to do"]
    if not to_do:
        return []
    from jobs.ingest_progress import IngestProgress

    pixels = {one.sample_id: one.survey.num_pixels for one in to_do if one.survey is not None}
    tasks = [(one.sample_id, one.task) for one in to_do]
    is_on_ray = address is not None or (workers or 1) > 1
    failures = []
    with IngestProgress(len(to_do), sum(pixels.values()), err) as progress:
        receipts = _on_ray(tasks, workers, address) if is_on_ray else _here(tasks, progress)
        for receipt in receipts:
            if is_on_ray:  # a worker's blocks are not heard of
                progress.add_pixels(pixels[receipt.sample_id])
            progress.add_image()
            failures += [] if receipt.problem is None else [receipt.problem]
            _tell_receipt(receipt)
    return failures


def _here(tasks: list[tuple[str, IngestTask]], progress: Any) -> Iterator[IngestReceipt]:
    from actors.ingest_tasks import ingest_here

    return ingest_here(tasks, progress.add_pixels)


def _on_ray(
    tasks: list[tuple[str, IngestTask]], workers: int | None, address: str | None
) -> Iterator[IngestReceipt]:
    from actors.ingest_tasks import ingest_on_ray
    from jobs.cluster import connected

    with connected(address):
        yield from ingest_on_ray(tasks, workers or len(tasks))


def _tell_receipt(receipt: IngestReceipt) -> None:
    if receipt.ingested is None:
        err.print(f"{receipt.sample_id}: {receipt.problem}", markup=False, style="red")
        return
    done: Ingested = receipt.ingested
    kept = f", {done.num_kept} of {done.num_shards} shards were there" if done.num_kept else ""
    out.print(
        f"{receipt.sample_id}: {readable_bytes(done.num_bytes)} in {done.seconds:.1f} s "
        f"({done.num_pixels / 1e6 / done.seconds:.0f} megapixels/s{kept}): {done.final}",
        markup=False,
    )


def _close(
    surveyed: Sequence[Surveyed], failures: Sequence[str], out_dir: Path, *, is_dry: bool
) -> None:
    states = [one.survey.state for one in surveyed if one.survey is not None]
    to_do = states.count("to do")
    after = sum(one.survey.result_bytes or 0 for one in surveyed if one.survey is not None)
    verb = f"to ingest, about {readable_bytes(after)}" if is_dry else "ingested"
    num_failed = len(failures)
    done = to_do if is_dry else len(surveyed) - num_failed - len(states) + to_do
    out.print(
        f"{counted(len(surveyed), 'image')}: {done} {verb}, {states.count('has a pyramid')} left alone, "
        f"{states.count('done')} already there, {num_failed} failed: {out_dir}",
        markup=False,
    )


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    run_alone(ingest)
