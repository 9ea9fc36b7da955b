"""What a network of the walk may have in it, by the key that names it in a config, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

import torch

from models.architecture import architecture_named
from models.build import assemble
from models.catalogue.papers import ATTENTION_RNN, PATCH_CONV, UAN
from models.counts import multiplications_of
from models.network_config import NetworkConfig
from models.small_images.catalogue import LTPA
from models.tnet import TNet

Role: TypeAlias = Literal["location", "root_scorer", "levels", "aggregation"]
COUNTED_IN = "tnet_small"
NUM_LOOKS = 25
"""At one image, as in what is measured on megapixel-MNIST; all of them scored."""
ROOTS_A_SIDE = 8
_OVERVIEW_PX = 12
"""A side of a root in the overview, as `walk.overview_px` has it where nothing is said."""
_NUM_BANDS, _NUM_CLASSES = 1, 10
_MODULES: Mapping[Role, str] = {
    "location": "location",
    "root_scorer": "root_scorer",
    "levels": "level_choice",
    "aggregation": "aggregation",
}
"""Where each stands in a `TNet`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCost:
    """Of one part."""

    num_parameters: int
    """Trainable ones, the classifier's included."""
    multiplications: int
    """Of convolutions and matrix products for one image: of all its looks, or of a grid of roots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEntry:
    """Something that a network of the walk may have in it."""

    role: Role
    """Its key in the `network` section of a model's config."""
    paper: str
    """Who described it."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Other keys that it needs, and their values."""

    def config(self, name: str) -> NetworkConfig:
        """Of a network with this part, the rest as in the paper."""
        keys = {self.role: int(name) if self.role == "levels" else name, **self.beside}
        return NetworkConfig(**keys)  # type: ignore[arg-type]  # checked where it is read from a file

    def cost(self, name: str) -> PartCost:
        """Counted in a `COUNTED_IN` of ten classes and one band, on a device without data."""
        config = self.config(name)
        with torch.device("meta"):
            network = assemble(
                COUNTED_IN, num_classes=_NUM_CLASSES, num_bands=_NUM_BANDS, network=config
            ).eval()
            multiplications = multiplications_of(_work(network, self.role))
        part = network.get_submodule(_MODULES[self.role])
        return PartCost(
            num_parameters=sum(one.numel() for one in part.parameters()),
            multiplications=multiplications,
        )


def _work(network: TNet, role: Role) -> Callable[[], object]:
    """What the part does for one image."""
    if role == "root_scorer":
        roots = torch.empty(ROOTS_A_SIDE, ROOTS_A_SIDE, _NUM_BANDS, _OVERVIEW_PX, _OVERVIEW_PX)
        return lambda: network.root_logits(roots)
    side = architecture_named(COUNTED_IN).base_px
    positions = torch.zeros(NUM_LOOKS, 3, dtype=torch.int64)
    seen = network.seen(torch.empty(NUM_LOOKS, _NUM_BANDS, side, side), positions[:, 2])
    if role == "aggregation":
        pooling = network.aggregation
        return lambda: pooling.combine(pooling.keep(seen.vectors, positions))
    inputs = (seen,) if role == "location" else (seen.vectors, seen.depths)
    return partial(network.get_submodule(_MODULES[role]), *inputs)


PARTS: Sequence[tuple[str, PartEntry]] = (
    ("own", PartEntry(role="location", paper="TNet (2021)")),
    ("attention_rnn", PartEntry(role="location", paper=ATTENTION_RNN)),
    ("block_attention_rnn", PartEntry(role="location", paper=ATTENTION_RNN)),
    ("attention_rnn", PartEntry(role="root_scorer", paper=ATTENTION_RNN)),
    ("block_attention_rnn", PartEntry(role="root_scorer", paper=ATTENTION_RNN)),
    ("2", PartEntry(role="levels", paper=UAN)),
    ("mean", PartEntry(role="aggregation", paper="TNet (2021)")),
    ("weighting", PartEntry(role="aggregation", paper="TNet (2021), later code")),
    ("evidence", PartEntry(role="aggregation", paper="ours")),
    ("attention_pc", PartEntry(role="aggregation", paper=LTPA)),
    ("attention_dp", PartEntry(role="aggregation", paper=LTPA)),
    ("attention_gated", PartEntry(role="aggregation", paper="attention-based MIL (2018)")),
    ("class_token", PartEntry(role="aggregation", paper=PATCH_CONV)),
    ("saol", PartEntry(role="aggregation", paper="SAOL (2020)")),
    ("conv_lstm", PartEntry(role="aggregation", paper=UAN)),
    ("likeness", PartEntry(role="location", paper=LTPA, beside={"aggregation": "likeness"})),
    ("likeness", PartEntry(role="aggregation", paper=LTPA, beside={"location": "likeness"})),
)
"""By name; some play two parts."""
