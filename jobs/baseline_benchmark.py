"""foveate baseline-benchmark: Saccader or DRAM on a labelled archive, the hard attention that TNet is compared with."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import err, out, run_alone, told_plainly

if TYPE_CHECKING:
    from actors.baselines.checkpoint import BaselineEpoch
    from actors.baselines.experiment import BaselineData


class Network(StrEnum):
    """Baselines."""

    saccader = "saccader"
    dram = "dram"


class SizeName(StrEnum):
    """Of the network."""

    paper = "paper"
    small = "small"


class SpacingName(StrEnum):
    """Of DRAM's resolutions."""

    linear = "linear"
    geometric = "geometric"


def baseline_benchmark(
    manifest: Annotated[Path, typer.Argument(help="CSV or Parquet: image_path, label, split.")],
    network: Annotated[Network, typer.Option(help="Which baseline.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for checkpoint and result.")],
    epochs: Annotated[int, typer.Option(help="Saccader's are dealt out to three stages.")] = 20,
    seed: Annotated[int, typer.Option(help="Of weights, order and draws.", min=0)] = 0,
    size: Annotated[SizeName, typer.Option(help="As published, or for CPUs.")] = SizeName.small,
    glimpses: Annotated[int, typer.Option(help="Locations per image.")] = 6,
    downsample: Annotated[
        float, typer.Option(help="Saccader: level-0 pixels per pixel of the image that it sees.")
    ] = 1.0,
    glimpse_px: Annotated[
        int | None, typer.Option(help="DRAM: side of a window; 96, or 77 as published.")
    ] = None,
    spacing: Annotated[
        SpacingName, typer.Option(help="DRAM: of the three resolutions; linear as published.")
    ] = SpacingName.linear,
    sees_around: Annotated[
        bool, typer.Option("--sees-around", help="DRAM: tell classes by all three resolutions.")
    ] = False,
    batch_size: Annotated[int, typer.Option(help="Images of a step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Of Adam, at the start.")] = 2e-3,
    bands: Annotated[
        str, typer.Option(help="luminance, rgb, or indices and names: 0,1,nir.")
    ] = "luminance",
    background: Annotated[
        float, typer.Option(help="Value (0 to 1) outside the image, which the network sees as 0.")
    ] = 0.0,
    test_split: Annotated[str, typer.Option(help="Tested once, at the end.")] = "test",
) -> None:
    """Train a baseline, choose its epoch by the validation split, test it once.

    Writes result.json: accuracy, looks, share of pixels read, multiplications, time. Run it again to go on.
    """
    # Not above: they load torch, and help must be quick.
    from actors.baselines.config import BaselineConfig
    from actors.baselines.experiment import Experiment
    from models.dram.build import GLIMPSE_PX

    with told_plainly():
        config = BaselineConfig(
            network=network.value,
            size=size.value,
            epochs=epochs,
            seed=seed,
            num_glimpses=glimpses,
            downsample=downsample,
            glimpse_px=GLIMPSE_PX[size.value] if glimpse_px is None else glimpse_px,
            spacing=spacing.value,
            sees_around=sees_around,
            batch_size=batch_size,
            learning_rate=learning_rate,
            bands=_bands(bands),
            background=background,
        )
        data = _data(manifest, test_split)
        config.input_spec()  # first: it may say that bands or background are not usable
        result = Experiment(config, data, out_dir).run(_tell)
        text = json.dumps({**config.settings, **asdict(result)}, indent=2)
        (out_dir / "result.json").write_text(text + "\n", encoding="utf-8")
        out.print(text, markup=False)


def _data(manifest: Path, test_split: str) -> BaselineData:
    from actors.baselines.experiment import BaselineData
    from actors.training.config import DataConfig
    from actors.training.training_data import read_test_split, read_training_data

    path = manifest.absolute()
    learned = read_training_data(DataConfig(manifest=path.name), path.parent, None)
    return BaselineData(learned=learned, test=read_test_split(path, learned, test_split))


def _bands(text: str) -> str | tuple[int | str, ...]:
    if text in ("luminance", "rgb"):
        return text
    return tuple(int(one) if one.isdecimal() else one for one in text.split(","))


def _tell(epoch: BaselineEpoch) -> None:
    err.print(
        f"epoch {epoch.epoch}, stage {epoch.stage}: loss {epoch.loss:.3f}, "
        f"validation {epoch.accuracy:.2%} ({epoch.seconds:.0f} s)"
    )


if __name__ == "__main__":
    run_alone(baseline_benchmark)
