"""foveate report: report.html of a run, rebuilt from its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.console import out, run_alone, told_plainly


def report(
    run: Annotated[Path, typer.Argument(help="Directory of foveate classify or savings.")],
    pictures: Annotated[
        bool, typer.Option(help="Read the images once more to show what was looked at.")
    ] = True,
) -> None:
    """Write DIR/report.html: totals, curves, every image, and what each look showed and did.

    One file without a network, made from the tables alone; pictures where the images can still be read. Beside it
    overlays/, the looks of each image for QuPath.
    """
    from jobs.export import write_overlays  # not above: these load readers
    from pipeline.evidence.report import write_report
    from pipeline.records.finished_run import open_run

    with told_plainly():
        found = open_run(run)
        path = write_report(found, with_pictures=pictures)
        write_overlays([image for image in found.images() if image.looks], run / "overlays")
        out.print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    run_alone(report)
