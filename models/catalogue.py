"""All attention that there is here: by which paper, how large, and what it can be in a walk or beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, get_args

import torch
from torch import nn

from models.build import assemble
from models.counts import multiplications_of
from models.dram.build import GLIMPSE_PX, NUM_RESOLUTIONS
from models.hard_attention import HardAttentionCost, dram_cost, saccader_cost
from models.network_config import NetworkConfig
from models.network_size import Size
from models.patch_conv import PatchConvKind, PatchConvNet
from models.small_images.catalogue import LTPA, SMALL_IMAGES
from models.small_images.preparation import SIDE_PX
from models.uan.network import Uan
from models.vision_transformer import VitKind, vision_transformer

_PATCH_CONV = "PatchConvNet (2021)"
_UAN = "UAN (2019)"
_ATTENTION_RNN = "AttentionRNN (2019)"
_SACCADER = "Saccader (2019)"
_DRAM = "DRAM (2015), as Saccader's authors"


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeImageNetwork:
    """A network that sees a whole image at once."""

    paper: str
    """Who described it."""
    num_classes: int
    """Of the data set that it is counted with."""
    input_px: int
    """Side of its images, likewise."""
    make: Callable[[int], nn.Module]
    """From the number of classes."""
    chooses: bool = False
    """Whether values decide what of it is computed; then the most that it can take is counted, as in training."""

    def counted(self) -> tuple[int, int]:
        """Trainable parameters, and multiplications for one image."""
        with torch.device("meta"):
            network = self.make(self.num_classes).train(self.chooses)
            image = torch.empty(1, 3, self.input_px, self.input_px)
            multiplications = multiplications_of(lambda: network(image))
        parameters = sum(one.numel() for one in network.parameters())
        return parameters, multiplications


@dataclass(frozen=True, slots=True, kw_only=True)
class HardAttentionNetwork:
    """A network that chooses what of an image counts, as TNet does (`foveate baseline-benchmark`)."""

    paper: str
    """Who described it."""
    role: str
    """How it chooses, in a few words."""
    num_classes: int
    """Of the data set that it is counted with."""
    looks_at: str
    """What it is shown, likewise."""
    cost: Callable[[int], HardAttentionCost]
    """From the number of classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that a network of the walk may have in it."""

    role: Literal["location", "root_scorer", "levels", "aggregation"]
    """Its key in the `network` section of a model's config."""
    paper: str
    """Who described it."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Other keys that it needs, and their values."""

    def num_parameters(self, name: str) -> int:
        """Its trainable ones in a `tnet_small` of ten classes and one band, the classifier's included."""
        chooses_levels = self.role == "levels"
        keys = {self.role: int(name) if chooses_levels else name, **self.beside}
        config = NetworkConfig(**keys)  # type: ignore[arg-type]  # checked where it is read from a file
        with torch.device("meta"):
            network = assemble("tnet_small", num_classes=10, num_bands=1, network=config)
        part = getattr(network, "level_choice" if chooses_levels else self.role)
        return sum(one.numel() for one in part.parameters())


def _windows(size: Size) -> str:
    return f"{NUM_RESOLUTIONS} x {GLIMPSE_PX[size]} x {GLIMPSE_PX[size]}"


WHOLE_IMAGE: Mapping[str, WholeImageNetwork] = {
    **{
        name: WholeImageNetwork(
            paper=network.paper, num_classes=100, input_px=SIDE_PX, make=network.make
        )
        for name, network in SMALL_IMAGES.items()
    },
    **{
        f"patch_conv_{kind}": WholeImageNetwork(
            paper=_PATCH_CONV, num_classes=1000, input_px=224, make=partial(PatchConvNet, kind)
        )
        for kind in get_args(PatchConvKind)
    },
    **{
        f"vit_{kind}": WholeImageNetwork(
            paper="ViT (2021)",
            num_classes=1000,
            input_px=224,
            make=partial(vision_transformer, kind),
        )
        for kind in get_args(VitKind)
    },
    "uan": WholeImageNetwork(paper=_UAN, num_classes=67, input_px=224, make=Uan, chooses=True),
}
"""By name."""
_SEES_ALL = "sees all of an image, then picks positions of its map"
_READS_LITTLE = "reads windows around one location after another"
HARD_ATTENTION: Mapping[str, HardAttentionNetwork] = {
    "saccader": HardAttentionNetwork(
        paper=_SACCADER,
        role=_SEES_ALL,
        num_classes=1000,
        looks_at="224 x 224",
        cost=lambda num_classes: saccader_cost(
            "paper", num_classes=num_classes, num_bands=3, height_px=224, width_px=224
        ),
    ),
    "saccader_small": HardAttentionNetwork(
        paper=_SACCADER,
        role=_SEES_ALL,
        num_classes=10,
        looks_at="1536 x 1536",
        cost=lambda num_classes: saccader_cost(
            "small", num_classes=num_classes, num_bands=1, height_px=1536, width_px=1536
        ),
    ),
    "dram": HardAttentionNetwork(
        paper=_DRAM,
        role=_READS_LITTLE,
        num_classes=1000,
        looks_at=_windows("paper"),
        cost=lambda num_classes: dram_cost("paper", num_classes=num_classes, num_bands=3),
    ),
    "dram_small": HardAttentionNetwork(
        paper=_DRAM,
        role=_READS_LITTLE,
        num_classes=10,
        looks_at=_windows("small"),
        cost=lambda num_classes: dram_cost("small", num_classes=num_classes, num_bands=1),
    ),
}
"""By name."""
PARTS: Sequence[tuple[str, Part]] = (
    ("own", Part(role="location", paper="TNet (2021)")),
    ("attention_rnn", Part(role="location", paper=_ATTENTION_RNN)),
    ("block_attention_rnn", Part(role="location", paper=_ATTENTION_RNN)),
    ("attention_rnn", Part(role="root_scorer", paper=_ATTENTION_RNN)),
    ("block_attention_rnn", Part(role="root_scorer", paper=_ATTENTION_RNN)),
    ("2", Part(role="levels", paper=_UAN)),
    ("mean", Part(role="aggregation", paper="TNet (2021)")),
    ("weighting", Part(role="aggregation", paper="TNet (2021), later code")),
    ("evidence", Part(role="aggregation", paper="ours")),
    ("attention_pc", Part(role="aggregation", paper=LTPA)),
    ("attention_dp", Part(role="aggregation", paper=LTPA)),
    ("attention_gated", Part(role="aggregation", paper="attention-based MIL (2018)")),
    ("class_token", Part(role="aggregation", paper=_PATCH_CONV)),
    ("saol", Part(role="aggregation", paper="SAOL (2020)")),
    ("conv_lstm", Part(role="aggregation", paper=_UAN)),
    ("likeness", Part(role="location", paper=LTPA, beside={"aggregation": "likeness"})),
    ("likeness", Part(role="aggregation", paper=LTPA, beside={"location": "likeness"})),
)
"""By name; some play two parts."""
