"""foveate attention-benchmark: one attention of the papers on coloured digits, by the papers' protocol."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.console import err, out, run_alone, told_plainly
from jobs.precision import PrecisionName

if TYPE_CHECKING:
    from actors.checkpoint import Epoch
    from actors.coloured.experiment import Experiment, ToyOutcome


class Kind(StrEnum):
    """Attentions that are compared."""

    san = "san"
    no_context = "no_context"
    context = "context"
    arnn = "arnn"
    arnn_sampled = "arnn_sampled"
    arnn_independent = "arnn_independent"
    arnn_independent_sampled = "arnn_independent_sampled"
    arnn_upper = "arnn_upper"
    brnn2 = "brnn2"
    brnn3 = "brnn3"
    none = "none"


def attention_benchmark(
    data: Annotated[Path, typer.Argument(help="Made by foveate make-benchmark coloured-digits.")],
    attention: Annotated[Kind, typer.Option(help="context is PAN.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for checkpoint and result.")],
    epochs: Annotated[int, typer.Option(help="At most; the papers have 300.", min=1)] = 300,
    patience: Annotated[int, typer.Option(help="Epochs without a better one.", min=1)] = 50,
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.", min=0)] = 0,
    batch_size: Annotated[int, typer.Option(help="Pairs per step.", min=2)] = 200,
    learning_rate: Annotated[float, typer.Option(help="Of RMSProp, at the start.")] = 0.003,
    decay_from: Annotated[int, typer.Option(help="First epoch with a smaller rate.", min=2)] = 31,
    decay_every: Annotated[int, typer.Option(help="Epochs between smaller rates.", min=1)] = 12,
    precision: Annotated[
        PrecisionName, typer.Option(help="bfloat16 is faster where the machine has it.")
    ] = PrecisionName.float32,
) -> None:
    """Train and test one attention.

    Writes result.json (accuracy, per scale, mask correctness). Run it again to go on, with more
    epochs if wanted. The papers' rate falls from epoch 31 on; let it fall sooner in a short run.
    """
    from actors.coloured.experiment import Experiment  # not above: they load torch
    from actors.coloured.schedule import Schedule
    from pipeline.benchmarks.coloured.dataset import read_data, read_law

    with told_plainly():
        law = read_law(data)
        experiment = Experiment(
            data=read_data(data),
            law=law,
            kind=attention.value,
            schedule=Schedule(
                epochs=epochs,
                patience=patience,
                batch_size=batch_size,
                learning_rate=learning_rate,
                decay_from=decay_from,
                decay_every=decay_every,
                precision=precision.value,
            ),
            seed=seed,
            out=out_dir,
        )
        outcome = experiment.run(_tell)
        text = json.dumps(_facts(experiment, outcome), indent=2)
        (out_dir / "result.json").write_text(text + "\n", encoding="utf-8")
        out.print(text)


def _facts(experiment: Experiment, outcome: ToyOutcome) -> dict[str, Any]:
    return {
        "attention": experiment.kind,
        **asdict(experiment.law),
        "seed": experiment.seed,
        "schedule": asdict(experiment.schedule),
        "parameters": outcome.parameters,
        "epochs": len(outcome.epochs),
        "best_epoch": outcome.best_epoch,
        "seconds_per_epoch": fmean(one.seconds for one in outcome.epochs),
        **asdict(outcome.tested),
    }


def _tell(epoch: Epoch) -> None:
    err.print(
        f"epoch {epoch.epoch}: loss {epoch.loss:.3f}, validation {epoch.accuracy:.2%} ({epoch.seconds:.0f} s)"
    )


if __name__ == "__main__":
    run_alone(attention_benchmark)
