"""foveate report: report.html of a run, rebuilt from its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import MofNCompleteColumn

from jobs.console import err, out, run_alone, told_plainly
from jobs.progress_line import ProgressLine

if TYPE_CHECKING:
    from pipeline.evidence.explained import ExplanationPlan
    from pipeline.evidence.layer import ImageExplanation
    from pipeline.images.window import WindowReader
    from pipeline.records.finished_image import FinishedImage
    from pipeline.records.finished_run import FinishedRun


def report(
    place: Annotated[
        str, typer.Argument(metavar="RUN", help="Directory of foveate classify or savings.")
    ],
    pictures: Annotated[
        bool, typer.Option(help="Read the images once more to show what was looked at.")
    ] = True,
    explain: Annotated[
        str | None,
        typer.Option(
            help="Show in the pictured images what made the model say so, comma separated: looks, weights, "
            "evidence, cells, cam, grad_cam, or all. Takes the looks of these images once more."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="For --explain: where the run's model lies now, if not where it lay then."
        ),
    ] = None,
) -> None:
    """Write DIR/report.html: totals, curves, every image, and what each look showed and did.

    One file without a network, made from the tables alone; pictures where the images can still be read. Beside it
    overlays/, the looks of each image for QuPath.
    """
    from jobs.export import write_overlays  # not above: these load readers
    from pipeline.errors import UsageError
    from pipeline.evidence.report import write_report
    from pipeline.records.finished_run import open_run
    from pipeline.records.store.opening import directory_at

    with told_plainly():
        run = directory_at(place, "report")
        found = open_run(run)
        plan = _plan(found, explain, model, with_pictures=pictures)
        try:
            with _watched(plan, found) as watched:
                path = write_report(found, with_pictures=pictures, plan=watched)
            write_overlays([image for image in found.images() if image.looks], run / "overlays")
        except OSError as error:
            raise UsageError(
                f"{run}: the report cannot be written beside the run's tables: {error}; see to its permissions, or "
                "copy the run"
            ) from error
        out.print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")


@contextmanager
def _watched(plan: ExplanationPlan | None, run: FinishedRun) -> Iterator[ExplanationPlan | None]:
    """The plan, with a line that says how many images are explained."""
    from pipeline.evidence.explained import ExplanationPlan
    from pipeline.evidence.report import MAX_PICTURED

    if plan is None or plan.ask_model is None:
        yield plan
        return
    ask, num_images = plan.ask_model, min(run.num_images, MAX_PICTURED)
    with ProgressLine("explain", num_images, MofNCompleteColumn(), err) as line:

        def counted(image: FinishedImage, windows: WindowReader) -> ImageExplanation:
            try:
                return ask(image, windows)
            finally:
                line.advance(1, image.sample_id)

        yield ExplanationPlan(methods=plan.methods, ask_model=counted)


def _plan(
    run: FinishedRun, names: str | None, place: str | None, *, with_pictures: bool
) -> ExplanationPlan | None:
    from pipeline.errors import UsageError
    from pipeline.evidence.explained import ExplanationPlan
    from pipeline.evidence.methods import parse_methods

    if names is None:
        if place is not None:
            raise UsageError("--model is for --explain; without it the report asks no model")
        return None
    if not with_pictures:
        raise UsageError("--explain draws over pictures; leave out --no-pictures")
    methods = parse_methods(names)
    if not any(method.needs_model for method in methods):
        return ExplanationPlan(methods=methods)
    from actors.run_model import model_of_run

    opened = model_of_run(run, place)
    from actors.explainer import (
        Explainer,
    )  # not before: wrong use is told without waiting for torch

    return ExplanationPlan(methods=methods, ask_model=Explainer(opened, methods))


if __name__ == "__main__":
    run_alone(report)
