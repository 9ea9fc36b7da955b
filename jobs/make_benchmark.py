"""foveate make-benchmark: labelled archives made by rule, to train and to measure on."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.archive_writing import write_archive
from jobs.console import counted, out, told_plainly
from jobs.interruption import interrupted, terminable

make_benchmark = typer.Typer(
    no_args_is_help=True, help="Make a labelled archive to train and to measure on."
)


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


def _padded(canvas: int) -> int:
    """The next side that can be halved often: 1500 px become 1536, 3000 become 3072."""
    step = 512 if canvas >= 512 else 64
    return -(-canvas // step) * step
