"""foveate attention-tables: what trained networks are worth beyond their accuracy, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import err, out, run_alone, told_plainly

if TYPE_CHECKING:
    from pipeline.benchmarks.small_images.dataset import LabelledImages

SIDE_PX = 32
"""Of the images that networks see."""


def attention_tables(
    data: Annotated[Path, typer.Argument(help="The images that the runs were made with.")],
    runs: Annotated[list[Path], typer.Argument(help="Directories of foveate image-benchmark.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for tables and sheets.")],
    images: Annotated[
        int | None, typer.Option(help="Test images to attack; all when not given.", min=1)
    ] = None,
    transfer: Annotated[
        str | None,
        typer.Option(help="`digits` (scikit-learn's), or mnist:DIR, to use the features on."),
    ] = None,
    transfer_images: Annotated[
        int | None, typer.Option(help="So many of those; all when not given.", min=1)
    ] = None,
    sheet: Annotated[int, typer.Option(help="Test images on a sheet; 0: none.", min=0)] = 8,
) -> None:
    """Accuracy under attack, transfer to other images, and sheets of attention maps.

    Writes tables.md, tables.json, and a PNG per run that has attention.
    """
    import numpy as np  # not above: they load torch

    from actors.small_images.sheet import attention_sheet
    from actors.small_images.tables import line_of, write_tables
    from actors.small_images.trained_run import read_run
    from pipeline.benchmarks.small_images.reading import read_images
    from pipeline.evidence.contact_sheet import write_sheet

    with told_plainly():
        trained = [read_run(directory) for directory in runs]
        found = read_images(data)
        other = _other_images(transfer, transfer_images)
        out_dir.mkdir(parents=True, exist_ok=True)
        lines = []
        for run in trained:
            test = run.settings.splits_of(found).test
            order = np.arange(len(test))
            err.print(f"{run.name}, seed {run.settings.seed}", markup=False)
            lines.append(line_of(run, test.taken(order[:images]), other))
            picture = attention_sheet(run.network, test.taken(order[:sheet])) if sheet else None
            if picture is not None:
                name = f"{run.name.replace(' ', '_')}_{run.settings.seed}.png"
                write_sheet(out_dir / name, picture)
        out.print(write_tables(out_dir, lines), markup=False)


def _other_images(source: str | None, count: int | None) -> LabelledImages | None:
    if source is None:
        return None
    from pipeline.benchmarks.digits import read_digits
    from pipeline.benchmarks.small_images.other_set import digits_as_images

    return digits_as_images(read_digits(source), side_px=SIDE_PX, count=count)


if __name__ == "__main__":
    run_alone(attention_tables)
