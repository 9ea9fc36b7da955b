"""The `foveate` command: every job is a verb of it."""

from __future__ import annotations

import typer

from jobs.attention_benchmark import attention_benchmark
from jobs.attention_tables import attention_tables
from jobs.baseline_benchmark import baseline_benchmark
from jobs.calibrate import calibrate
from jobs.classify import classify
from jobs.costs import costs
from jobs.demo import demo
from jobs.doctor import doctor
from jobs.export import export
from jobs.image_benchmark import image_benchmark
from jobs.ingest import ingest
from jobs.make_benchmark import make_benchmark
from jobs.models import models
from jobs.new_model import new_model
from jobs.report import report
from jobs.room_benchmark import room_benchmark
from jobs.savings import savings
from jobs.search import search
from jobs.submit import submit
from jobs.train import train

app = typer.Typer(
    name="foveate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Classify gigapixel images by looking only where it matters.",
)
JOBS = (
    classify,
    doctor,
    search,
    savings,
    report,
    costs,
    export,
    ingest,
    submit,
    train,
    calibrate,
    models,
    new_model,
    demo,
    attention_benchmark,
    room_benchmark,
    image_benchmark,
    attention_tables,
    baseline_benchmark,
)
for job in JOBS:
    app.command()(job)
app.add_typer(make_benchmark, name="make-benchmark")


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
