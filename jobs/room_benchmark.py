"""foveate room-benchmark: UAN on made-up rooms, where the camera is or which room it is in."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import err, out, run_alone, told_plainly
from pipeline.benchmarks.rooms import RoomLaw
from pipeline.errors import UsageError
from pipeline.exports.bars import bars_svg

if TYPE_CHECKING:
    from actors.rooms.experiment import RoomEpoch
    from actors.rooms.task import RoomResult


class Task(StrEnum):
    """What is asked about a view."""

    pose = "pose"
    room = "room"


def room_benchmark(
    task: Annotated[Task, typer.Option(help="Where the camera is, or in which room.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for checkpoint and result.")],
    views: Annotated[
        int, typer.Option(help="To learn from; a quarter as many to test.", min=4)
    ] = 4000,
    rooms: Annotated[int, typer.Option(help="Different rooms, for --task room.", min=2)] = 10,
    image_px: Annotated[int, typer.Option(help="Side of a view; the paper has 224.", min=32)] = 64,
    layers: Annotated[
        str, typer.Option(help="Layers of GoogLeNet to choose among, the shallowest first.")
    ] = "3b,4c,4e,5b",
    steps: Annotated[int, typer.Option(help="Looks at a layer; 3 and 2 in the paper.", min=1)] = 3,
    beta: Annotated[float, typer.Option(help="Weight of the rotation in the loss.", min=0)] = 5.0,
    epochs: Annotated[int, typer.Option(help="Passes over the views.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Of rooms, weights and order.", min=0)] = 0,
) -> None:
    """Train and test UAN on views of rooms that are made here.

    Writes result.json (median errors or accuracy, and those of a guess) and layers.svg, which layers are looked at.
    Run it again to go on.
    """
    from actors.rooms.experiment import RoomExperiment  # not above: they load torch
    from actors.rooms.task import PoseTask, RoomTask
    from models.uan.trunk import CHANNELS

    with told_plainly():
        chosen = tuple(layers.split(","))
        unknown = [name for name in chosen if name not in CHANNELS]
        if unknown:
            raise UsageError(f"--layers {layers}: no {unknown[0]!r}; known: {', '.join(CHANNELS)}")
        is_pose = task is Task.pose
        experiment = RoomExperiment(
            law=RoomLaw(image_px=image_px, num_rooms=1 if is_pose else rooms),
            task=PoseTask(beta=beta) if is_pose else RoomTask(num_rooms=rooms),
            num_train=views,
            num_test=views // 4,
            epochs=epochs,
            out=out_dir,
            layers=chosen,
            num_steps=steps,
            seed=seed,
        )
        _write(experiment.run(_tell), task, chosen, out_dir)


def _write(result: RoomResult, task: Task, layers: tuple[str, ...], out_dir: Path) -> None:
    facts = {"task": task.value, "layers": layers, **asdict(result)}
    text = json.dumps({name: value for name, value in facts.items() if value is not None}, indent=2)
    (out_dir / "result.json").write_text(text + "\n", encoding="utf-8")
    steps = [f"step {number}" for number in range(1, len(result.frequencies) + 1)]
    svg = bars_svg("Views that look at each layer", steps, layers, result.frequencies)
    (out_dir / "layers.svg").write_text(svg, encoding="utf-8")
    out.print(text)


def _tell(epoch: RoomEpoch) -> None:
    err.print(f"epoch {epoch.epoch}: loss {epoch.loss:.3f} ({epoch.seconds:.0f} s)")


if __name__ == "__main__":
    run_alone(room_benchmark)
