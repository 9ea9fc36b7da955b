"""foveate new-model: an untrained model directory, the same for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actors.model_directory import CONFIG, WEIGHTS, ModelConfig, config_to_text
from jobs.console import err, out, run_alone, told_plainly
from models.architecture import Architecture, architecture_named
from pipeline.errors import UsageError
from pipeline.images.input_spec import InputSpec
from pipeline.records.run import write_text
from pipeline.records.summary import UNTRAINED
from pipeline.walk.config import WalkConfig


def new_model(
    name: Annotated[str, typer.Argument(help="An architecture; `foveate models` lists them.")],
    classes: Annotated[str, typer.Option(help="Class names, comma separated.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory to make.")],
    seed: Annotated[int, typer.Option(help="Of the random weights.")] = 0,
    bands: Annotated[str, typer.Option(help="rgb, luminance, or indices such as 3,2,1,7.")] = "rgb",
) -> None:
    """Write an untrained model: config.json and model.safetensors."""
    with told_plainly():
        config = new_config(
            architecture_named(name), _names(classes), seed=seed, bands=_parsed_bands(bands)
        )
        if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
            raise UsageError(f"--out {out_dir} is there already; give a directory that is not")
        try:
            write_model(config, out_dir)
        except OSError as error:
            raise UsageError(f"--out {out_dir}: cannot be written to: {error}") from error
        out.print(f"{out_dir}: {name}, {len(config.class_names)} classes")
        err.print(f"WARNING: {UNTRAINED}", style="bold red")


def new_config(
    network: Architecture,
    class_names: tuple[str, ...],
    *,
    seed: int,
    bands: str | tuple[int, ...] = "rgb",
) -> ModelConfig:
    """The config of an untrained model."""
    return ModelConfig(
        architecture=network.name,
        class_names=class_names,
        input=InputSpec(base_px=network.base_px, bands=bands),
        walk=_walk(network),
        seed=seed,
    )


def write_model(config: ModelConfig, directory: Path) -> None:
    """Build the network with the config's seed and write both files."""
    # Not above: torch is only loaded when weights are made.
    from models.build import build_model
    from models.weights import save_weights

    network = build_model(
        config.architecture,
        num_classes=len(config.class_names),
        num_bands=config.input.num_bands,
        seed=config.seed or 0,
    )
    directory.mkdir(parents=True, exist_ok=True)
    save_weights(network, directory / WEIGHTS)
    write_text(directory / CONFIG, config_to_text(config))


def _walk(network: Architecture) -> WalkConfig:
    """The paper's walk; models without one of their own go to the finest level, best first."""
    if not network.grid:
        return WalkConfig(grid=0, cell_fraction=1.0, depths=1)
    if network.looks_per_region:
        return WalkConfig(
            grid=network.grid,
            cell_fraction=network.cell_fraction,
            depths=network.depths,
            looks_per_region=network.looks_per_region,
        )
    return WalkConfig(
        grid=network.grid,
        cell_fraction=network.cell_fraction,
        selection="best_first",
        max_overlap=0.45,
        budget=9,
    )


def _names(classes: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in classes.split(","))


def _parsed_bands(bands: str) -> str | tuple[int, ...]:
    if bands in ("rgb", "luminance"):
        return bands
    try:
        return tuple(int(part) for part in bands.split(","))
    except ValueError:
        raise UsageError(
            f"--bands {bands}: give rgb, luminance, or band indices such as 3,2,1"
        ) from None


if __name__ == "__main__":
    run_alone(new_model)
