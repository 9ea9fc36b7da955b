"""Which networks there are for images of 32 px, and how their authors feed and train them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from torch import nn

from models.cbam import CBAM, RecurrentGate, SpatialGate
from models.errors import ModelError
from models.ltpa.network import AttentionOptions
from models.ltpa.resnet164 import ResNet164, resnet164_attention
from models.ltpa.vgg import Vgg, VggProgressive, vgg_attention
from models.patch_conv import PatchConvNet
from models.resnet_cifar import ResNet18Cifar
from models.resnet_saol import ResNet18Saol
from models.small_images.preparation import PreparationKind

ScheduleName: TypeAlias = Literal["ltpa", "rn164", "cbam", "adamw"]
LTPA = "Learn to Pay Attention (2018)"
_GATES = tuple(f"blocks.{block}.attention.spatial.mask" for block in (1, 3, 5, 7))
"""Of ResNet18: the spatial gate of the last block of each stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallImageNetwork:
    """One network."""

    paper: str
    """Who described it."""
    make: Callable[..., nn.Module]
    """From the number of classes and, where it has some, `AttentionOptions`."""
    preparation: PreparationKind
    """What its authors feed it with."""
    schedule: ScheduleName
    """How they train it."""
    classifier: str
    """Name of its last linear layer, whose input are the features that other tasks are learned from."""
    gates: tuple[str, ...] = ()
    """Names of layers whose output is a mask, where the answer holds none."""
    has_options: bool = False
    """Whether it takes `AttentionOptions`."""


def _ltpa(make: Callable[..., nn.Module], *, has_options: bool = False) -> SmallImageNetwork:
    return SmallImageNetwork(
        paper=LTPA,
        make=make,
        preparation="zca",
        schedule="ltpa",
        classifier="head.classifications.0",
        has_options=has_options,
    )


def _rn164(
    make: Callable[..., nn.Module], classifier: str, *, has_options: bool
) -> SmallImageNetwork:
    return SmallImageNetwork(
        paper=LTPA,
        make=make,
        preparation="zca",
        schedule="rn164",
        classifier=classifier,
        has_options=has_options,
    )


def _resnet18(paper: str, attention: Callable[[int], nn.Module] | None) -> SmallImageNetwork:
    return SmallImageNetwork(
        paper=paper,
        make=partial(ResNet18Cifar, attention=attention),
        preparation="mean_std",
        schedule="cbam",
        classifier="classification",
        gates=() if attention is None else _GATES,
    )


SMALL_IMAGES: Mapping[str, SmallImageNetwork] = {
    "vgg": _ltpa(Vgg),
    "vgg_att": _ltpa(partial(vgg_attention, num_levels=1), has_options=True),
    "vgg_att2": _ltpa(partial(vgg_attention, num_levels=2), has_options=True),
    "vgg_att3": _ltpa(partial(vgg_attention, num_levels=3), has_options=True),
    "vgg_pan": _ltpa(VggProgressive),
    "rn164": _rn164(ResNet164, "classification", has_options=False),
    "rn164_att2": _rn164(resnet164_attention, "head.classifications.0", has_options=True),
    "resnet18": _resnet18("ResNet (2016), in CBAM's form", None),
    "resnet18_cbam7": _resnet18("CBAM (2018)", CBAM),
    "resnet18_cbam": _resnet18(
        "CBAM (2018), 3 x 3 as in AttentionRNN's comparison",
        lambda channels: CBAM(channels, spatial=SpatialGate(3)),
    ),
    "resnet18_arnn": _resnet18(
        "CBAM + AttentionRNN (2019)",
        lambda channels: CBAM(channels, spatial=RecurrentGate(channels)),
    ),
    "resnet18_saol": SmallImageNetwork(
        paper="SAOL (2020)",
        make=ResNet18Saol,
        preparation="mean_std",
        schedule="cbam",
        classifier="output.pooled",
    ),
    "patch_conv": SmallImageNetwork(
        paper="PatchConvNet S60 (2021)",
        make=partial(PatchConvNet, "s60"),
        preparation="mean_std",
        schedule="adamw",
        classifier="heads.0",
    ),
}
"""By name."""


def make_network(name: str, num_classes: int, options: AttentionOptions) -> nn.Module:
    """A network with random weights, of torch's generator.

    Raises:
        ModelError: if there is none of that name, or it has no such options.
    """
    if name not in SMALL_IMAGES:
        raise ModelError(f"there is no network {name!r}; one of {', '.join(SMALL_IMAGES)}")
    spec = SMALL_IMAGES[name]
    if options and not spec.has_options:
        able = ", ".join(one for one, spec in SMALL_IMAGES.items() if spec.has_options)
        raise ModelError(f"{name} takes no {', '.join(options)}; {able} do")
    return spec.make(num_classes, **options)
