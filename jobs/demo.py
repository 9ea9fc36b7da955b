"""foveate demo: makes an archive of large labelled images, classifies it, and scans it in full to compare."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer

from actors.engine_config import EngineConfig
from actors.model_directory import open_model
from jobs.archive_writing import write_archive
from jobs.classify_job import ClassifyJob, run
from jobs.console import OK, out, run_alone, told_plainly
from pipeline.image_list import read_images
from pipeline.records.store.disk_store import DiskStore
from pipeline.records.summary import readable_bytes

NUM_IMAGES = 24
SIDE_PX = 12288
NUM_NOISE = 30
TILE_PX = 64
SEED = 2026
BUDGET = 80
"""Looks per image: 64 at the overview, side by side, and sixteen where they point."""
MODEL = "digits"
WHY_NOT_EVERYWHERE = """
The same network is mostly wrong when it looks everywhere: it learned from looks that it chose. Windows side by side
cut digits in two, and what thousands of empty looks say a little of adds up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """What a run over the archive came to."""

    num_right: int
    """Images whose label is the true one."""
    num_images: int
    """All."""
    looks: int
    """Of all images."""
    bytes_read: int
    """Of all images."""
    full_scan_bytes: int
    """Encoded bytes of their finest level."""
    seconds: float
    """Wall time, start-up included."""

    @property
    def summary(self) -> str:
        """One line for a person."""
        return (
            f"{self.num_right} of {self.num_images} right, {self.looks} looks, "
            f"{readable_bytes(self.bytes_read)} read, {self.seconds:.0f} s"
        )


def demo(
    directory: Annotated[Path, typer.Option("--out", help="Directory to make.")] = Path("demo"),
    images: Annotated[int, typer.Option(help="Number of images.", min=1)] = NUM_IMAGES,
    compare: Annotated[bool, typer.Option(help="Scan the same images in full, to compare.")] = True,
) -> None:
    """Make labelled images of 12288 x 12288 pixels, five digits of 28 pixels in each, and say which prevails.

    The model `digits` ships with foveate. The digits in the images are handwritten ones that it never saw.
    """
    with told_plainly():
        manifest = make_archive(directory / "archive", images)
        looked, status = _classify(manifest, directory / "results", "--budget", str(BUDGET))
        out.print(f"\nlooking where it matters: {looked.summary}")
        if compare and status == OK:
            scanned, status = _classify(manifest, directory / "full_scan", "--full-scan")
            out.print(f"\nlooking everywhere:       {scanned.summary}")
            out.print(_compared(looked, scanned))
            out.print(WHY_NOT_EVERYWHERE)
    sys.exit(status)


def make_archive(directory: Path, num_images: int) -> Path:
    """Write the images, or those that are missing; returns the manifest's path."""
    # Not above: it loads zarr, and help must be quick.
    from pipeline.benchmarks.archive import ArchivePlan
    from pipeline.benchmarks.digits import read_digits
    from pipeline.benchmarks.scene import SceneLaw

    plan = ArchivePlan(
        law=SceneLaw(canvas_px=SIDE_PX, num_noise=NUM_NOISE, background="grain"),
        num_train=0,
        num_test=num_images,
        pad_to_px=SIDE_PX,
        tile_px=TILE_PX,
        seed=SEED,
    )
    write_archive(plan, read_digits("digits"), directory)
    return directory / "manifest.csv"


def _classify(manifest: Path, results: Path, *options: str) -> tuple[RunFigures, int]:
    command = ["classify", str(manifest), "--model", MODEL, "--out", str(results), *options]
    out.print(f"\n$ foveate {' '.join(command)}")
    is_scan = "--full-scan" in options
    changes = {"walk.budget": None if is_scan else BUDGET}
    status = run(
        ClassifyJob(
            manifest=read_images([str(manifest)]),
            model=open_model(MODEL).with_changes(
                {**changes, "walk.selection": "full_scan"} if is_scan else changes
            ),
            store=DiskStore(results.absolute()),
            engine=EngineConfig(),
            address=None,
            arguments=("foveate", *command),
        )
    )
    return _figures(results), status


def _figures(results: Path) -> RunFigures:
    rows = pq.read_table(results / "predictions").to_pylist()
    totals = json.loads((results / "run.json").read_text(encoding="utf-8"))
    return RunFigures(
        num_right=sum(row["label"] == row["true_label"] for row in rows),
        num_images=len(rows),
        looks=sum(row["num_glimpses"] or 0 for row in rows),
        bytes_read=sum(row["bytes_read"] for row in rows),
        full_scan_bytes=sum(row["full_scan_bytes"] for row in rows),
        seconds=totals["seconds"],
    )


def _compared(looked: RunFigures, scanned: RunFigures) -> str:
    return (
        f"\nattention read {looked.bytes_read / scanned.bytes_read:.2%} of the bytes, "
        f"{looked.looks / scanned.looks:.2%} of the looks, and took "
        f"{looked.seconds / scanned.seconds:.0%} of the time, start-up included"
    )


if __name__ == "__main__":
    run_alone(demo)
