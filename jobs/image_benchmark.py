"""foveate image-benchmark: one network of the papers on whole images of 32 px, by the paper's schedule."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import err, out, run_alone, told_plainly
from jobs.precision import PrecisionName

if TYPE_CHECKING:
    from actors.checkpoint import Epoch
    from models.ltpa.network import AttentionOptions


class NetworkName(StrEnum):
    """Networks that are compared."""

    vgg = "vgg"
    vgg_att = "vgg_att"
    vgg_att2 = "vgg_att2"
    vgg_att3 = "vgg_att3"
    vgg_pan = "vgg_pan"
    rn164 = "rn164"
    rn164_att2 = "rn164_att2"
    resnet18 = "resnet18"
    resnet18_cbam7 = "resnet18_cbam7"
    resnet18_cbam = "resnet18_cbam"
    resnet18_arnn = "resnet18_arnn"
    resnet18_saol = "resnet18_saol"
    patch_conv = "patch_conv"


class CurveName(StrEnum):
    """How the learning rate falls."""

    cosine = "cosine"
    steps = "steps"


class PreparationName(StrEnum):
    """What networks see of an image."""

    mean_std = "mean_std"
    zca = "zca"


class CompatibilityName(StrEnum):
    """How maps are compared with the whole image."""

    pc = "pc"
    dp = "dp"


class FusionName(StrEnum):
    """How levels come together."""

    concat = "concat"
    indep = "indep"
    indep_product = "indep_product"


class MergeName(StrEnum):
    """What becomes of gradients where paths meet."""

    sum = "sum"
    mean = "mean"


def image_benchmark(
    data: Annotated[
        Path, typer.Argument(help="CIFAR-10, binary or Python; or pictures in folders or a tar.")
    ],
    network: Annotated[NetworkName, typer.Option(help="As foveate models lists them.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for checkpoint and result.")],
    epochs: Annotated[int | None, typer.Option(help="The paper's when not given.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.", min=0)] = 0,
    batch_size: Annotated[int | None, typer.Option(help="The paper's when not given.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="For the paper's batch size; the paper's when not given.")
    ] = None,
    curve: Annotated[
        CurveName | None,
        typer.Option(
            help="How the rate falls; the paper's when not given. Cosine suits few epochs: of steps none is long then."
        ),
    ] = None,
    dropout: Annotated[
        float,
        typer.Option(help="Share of the network's dropout; 0 for few epochs.", min=0, max=1),
    ] = 1.0,
    precision: Annotated[
        PrecisionName, typer.Option(help="bfloat16 is faster where the machine has it.")
    ] = PrecisionName.float32,
    train_images: Annotated[int | None, typer.Option(help="All when not given.")] = None,
    validation_images: Annotated[int | None, typer.Option(help="A tenth when not given.")] = None,
    test_images: Annotated[
        int | None, typer.Option(help="All; a fifth of the images where there is no test set.")
    ] = None,
    preparation: Annotated[
        PreparationName | None, typer.Option(help="The authors' when not given.")
    ] = None,
    compatibility: Annotated[
        CompatibilityName | None, typer.Option(help="Of vgg_att..., rn164_att2; pc.")
    ] = None,
    fusion: Annotated[FusionName | None, typer.Option(help="Likewise; concat.")] = None,
    gradient_merge: Annotated[
        MergeName | None, typer.Option(help="Likewise; sum. The authors' code has mean.")
    ] = None,
) -> None:
    """Train one network, and test its best epoch once.

    Writes result.json (accuracy, time, parameters, multiplications). Run it again to go on.
    """
    from actors.small_images.experiment import Experiment  # not above: they load torch
    from actors.small_images.result import result_of, write_result
    from actors.small_images.schedule import schedule_of
    from actors.small_images.settings import Settings, claim, default_preparation
    from models.small_images.catalogue import SMALL_IMAGES
    from pipeline.benchmarks.small_images.reading import read_images
    from pipeline.benchmarks.small_images.splits import SplitSizes

    with told_plainly():
        images = read_images(data)
        settings = Settings(
            network=network.value,
            options=_options(compatibility, fusion, gradient_merge),
            preparation=preparation.value if preparation else default_preparation(network.value),
            schedule=schedule_of(
                SMALL_IMAGES[network.value].schedule,
                epochs=epochs,
                batch_size=batch_size,
                learning_rate=learning_rate,
                curve=curve.value if curve else None,
                dropout=dropout,
                precision=precision.value,
            ),
            seed=seed,
            sizes=SplitSizes(train=train_images, validation=validation_images, test=test_images),
            data=images.digest(),
            class_names=images.class_names,
        )
        splits = settings.splits_of(images)
        experiment = Experiment(settings=settings, splits=splits, out=out_dir)
        claim(out_dir, settings)
        err.print(f"{images.name}, {len(splits.train)} to train on; {settings.schedule.told()}")
        outcome = experiment.run(_tell)
        out.print(write_result(out_dir, result_of(settings, splits, outcome)), markup=False)


def _options(
    compatibility: CompatibilityName | None, fusion: FusionName | None, merge: MergeName | None
) -> AttentionOptions:
    """Those that were given."""
    options: AttentionOptions = {}
    if compatibility:
        options["kind"] = compatibility.value
    if fusion:
        options["fusion"] = fusion.value
    if merge:
        options["merge"] = merge.value
    return options


def _tell(epoch: Epoch) -> None:
    err.print(
        f"epoch {epoch.epoch}: loss {epoch.loss:.4f}, validation {epoch.accuracy:.2%} ({epoch.seconds:.0f} s)"
    )


if __name__ == "__main__":
    run_alone(image_benchmark)
