"""foveate make-benchmark: labelled archives made by rule, to train and to measure on."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import MofNCompleteColumn

from jobs.console import counted, err, out, told_plainly
from jobs.interruption import interrupted, terminable
from jobs.progress_line import ProgressLine
from pipeline.records.summary import readable_bytes

if TYPE_CHECKING:
    from pipeline.benchmarks.archive import ArchivePlan, PlannedImage
    from pipeline.benchmarks.digits import DigitSplits

make_benchmark = typer.Typer(
    no_args_is_help=True, help="Make a labelled archive to train and to measure on."
)
_MAX_IMAGES_PER_TASK = 16
_TASKS_PER_PROCESS = 4
"""At least, so that none waits long for the last one."""
_FEW_PIXELS = 10**8
"""So few are written before other processes are up."""


class TaskName(StrEnum):
    """What the label is."""

    majority = "majority"
    max = "max"
    top = "top"
    multi = "multi"


class OrderName(StrEnum):
    """What lies on top: digits (ips) or noise (ats)."""

    ips = "ips"
    ats = "ats"


class BackgroundName(StrEnum):
    """What lies below everything."""

    black = "black"
    grain = "grain"


class FormatName(StrEnum):
    """Of the files."""

    zarr = "zarr"
    tiff = "tiff"


@make_benchmark.callback()
def _benchmarks() -> None:
    """Make a labelled archive to train and to measure on."""


@make_benchmark.command("megapixel-mnist")
def megapixel_mnist(
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for the archive.")],
    digits: Annotated[
        str, typer.Option(help="`digits` (scikit-learn's), or mnist:DIR with MNIST's idx files.")
    ] = "digits",
    task: Annotated[TaskName, typer.Option(help="Which label.")] = TaskName.majority,
    order: Annotated[OrderName, typer.Option(help="Digits over noise, or noise over digits.")] = (
        OrderName.ips
    ),
    canvas: Annotated[int, typer.Option(help="Side of the square that things lie in, px.")] = 1500,
    pad_to: Annotated[int | None, typer.Option(help="Side of the image, px.")] = None,
    num_digits: Annotated[int, typer.Option(help="Digits per image.", min=1)] = 5,
    majority: Annotated[int, typer.Option(help="Of which of one class.", min=1)] = 3,
    digit_px: Annotated[int, typer.Option(help="Side of a digit, px.")] = 28,
    noise: Annotated[int, typer.Option(help="Noise patterns per image.", min=0)] = 50,
    settlements: Annotated[
        int, typer.Option(help="Textured squares, every second of which holds all digits.", min=0)
    ] = 0,
    background: Annotated[
        BackgroundName, typer.Option(help="Black as published, or a faint grain in every tile.")
    ] = BackgroundName.black,
    train: Annotated[int, typer.Option(help="Images for training and validation.")] = 5000,
    validation: Annotated[float, typer.Option(help="Share of those for validation.")] = 0.1,
    test: Annotated[int, typer.Option(help="Images for the test.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the test images; training has the next.")] = 0,
    tile: Annotated[int, typer.Option(help="Side of a stored tile, px.")] = 128,
    image_format: Annotated[FormatName, typer.Option("--format", help="Of the files.")] = (
        FormatName.zarr
    ),
) -> None:
    """Digits and noise on a large black canvas, as published by ATS (1905.03711) and IPS (2210.13007).

    Writes images/, manifest.csv (all four labels) and truth.parquet (where the digits lie). Run it again to go on.
    """
    # Not above: it loads zarr, and help must be quick.
    from pipeline.benchmarks.archive import ArchivePlan
    from pipeline.benchmarks.digits import read_digits
    from pipeline.benchmarks.scene import SceneLaw

    with told_plainly():
        plan = ArchivePlan(
            law=SceneLaw(
                canvas_px=canvas,
                num_digits=num_digits,
                num_majority=majority,
                digit_px=digit_px,
                num_noise=noise,
                order=order.value,
                background=background.value,
                num_settlements=settlements,
            ),
            task=task.value,
            num_train=train,
            validation=validation,
            num_test=test,
            pad_to_px=pad_to or _padded(canvas),
            tile_px=tile,
            format=image_format.value,
            seed=seed,
        )
        try:
            with terminable():
                write_archive(plan, read_digits(digits), out_dir)
        except KeyboardInterrupt:
            sys.exit(interrupted())


class ColouredKind(StrEnum):
    """What lies behind the digits."""

    mref = "mref"
    mdist = "mdist"
    mdist_gaussian = "mdist_gaussian"
    mbg_like = "mbg_like"


@make_benchmark.command("coloured-digits")
def coloured_digits(
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for the data set.")],
    kind: Annotated[
        ColouredKind, typer.Option(help="On black, among pieces, in noise, on photographs.")
    ],
    digits: Annotated[
        str, typer.Option(help="`digits` (scikit-learn's), or mnist:DIR with MNIST's idx files.")
    ] = "digits",
    canvas: Annotated[int, typer.Option(help="Side of an image: 100, or 224 (MBG-h).")] = 100,
    inverse: Annotated[
        bool, typer.Option("--inverse", help="Ask for the digit of a colour.")
    ] = False,
    train: Annotated[int, typer.Option(help="Pairs of image and question.")] = 30_000,
    validation: Annotated[int, typer.Option(help="The same.")] = 10_000,
    test: Annotated[int, typer.Option(help="The same.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of all draws.", min=0)] = 0,
) -> None:
    """Coloured digits of many sizes, and questions about them: MREF, MDIST and MBG (1606.02393, AttentionRNN).

    Writes images.npy, owners.npy (whose ink lies where), pairs.parquet and benchmark.json.
    """
    from pipeline.benchmarks.coloured.backgrounds import Backgrounds, bundled_photographs
    from pipeline.benchmarks.coloured.dataset import ColouredPlan, make_data, write_data
    from pipeline.benchmarks.coloured.law import ColouredLaw
    from pipeline.benchmarks.digits import all_of, read_digits

    with told_plainly():
        law = ColouredLaw(kind=kind.value, canvas_px=canvas, is_inverse=inverse)
        pairs = {"train": train, "validation": validation, "test": test}
        plan = ColouredPlan(law=law, num_pairs=pairs, seed=seed)
        photographs = bundled_photographs() if law.kind == "mbg_like" else []
        data = make_data(plan, all_of(read_digits(digits)), Backgrounds(law, photographs))
        write_data(data, plan, out_dir)
        out.print(
            f"{counted(len(data.images), 'image')}, {counted(len(data.pairs), 'pair')}: {out_dir}",
            markup=False,
        )


def write_archive(plan: ArchivePlan, digits: DigitSplits, directory: Path) -> None:
    """Write what is missing of an archive."""
    from pipeline.benchmarks.archive import plan_archive, write_tables
    from pipeline.benchmarks.record import claim

    images = plan_archive(plan, digits)  # first: it may find that there is no room
    if claim(directory, plan, digits.name):
        err.print("going on with the archive that is there")
    num_bytes, start = 0, time.perf_counter()
    with ProgressLine("make", len(images), MofNCompleteColumn(), err) as progress:
        for sizes in _written(images, plan, directory):
            num_bytes += sum(sizes)
            progress.advance(len(sizes), readable_bytes(num_bytes))
    write_tables(images, plan, directory)
    seconds = time.perf_counter() - start
    out.print(
        f"{counted(len(images), 'image')}, {readable_bytes(num_bytes)} in {seconds:.0f} s "
        f"({len(images) / seconds:.1f} images/s): {directory / 'manifest.csv'}",
        markup=False,
    )


def _written(
    images: Sequence[PlannedImage], plan: ArchivePlan, directory: Path
) -> Iterator[list[int]]:
    work = partial(_write_part, plan, directory)
    num_processes = min(os.cpu_count() or 1, len(images))
    if num_processes == 1 or len(images) * plan.pad_to_px**2 < _FEW_PIXELS:
        yield from (work([image]) for image in images)
        return
    size = min(_MAX_IMAGES_PER_TASK, -(-len(images) // (num_processes * _TASKS_PER_PROCESS)))
    parts = [images[at : at + size] for at in range(0, len(images), size)]
    # Not forked: progress has a thread. Interrupts are the parent's, which then hands out no more work.
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(num_processes, get_context("spawn"), signal.signal, ignore) as pool:
        yield from pool.map(work, parts)


def _write_part(plan: ArchivePlan, directory: Path, images: Sequence[PlannedImage]) -> list[int]:
    from pipeline.benchmarks.archive import write_image

    return [write_image(image, plan, directory) for image in images]


def _padded(canvas: int) -> int:
    """The next side that can be halved often: 1500 px become 1536, 3000 become 3072."""
    step = 512 if canvas >= 512 else 64
    return -(-canvas // step) * step
