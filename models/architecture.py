"""The networks that can be built, as plain facts: what they look at and how the paper walks them. Imports no torch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import UnknownModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A named network."""

    name: str
    """As it stands in a config.json."""
    description: str
    """One line for a person."""
    base_px: int
    """Side of the square window that the network sees ("base resolution"), in pixels. Of a full-image baseline it
    is what it is counted with; it takes other sides as well."""
    num_classes: int
    """Classes of the paper's data set; any other number can be built."""
    num_features: int
    """D, numbers that it makes of a window."""
    grid: int = 0
    """n of the n x n candidate cells; 0: no location module, a full-image baseline."""
    cell_fraction: float = 1.0
    """Side of a cell as a fraction of the window's."""
    looks_per_region: tuple[int, ...] = ()
    """The paper's k per depth; empty: not from the paper."""
    depths: int | None = None
    """The paper's number of levels; None: down to the finest pixels."""


_ALL = (
    Architecture(
        name="tnet_imagenet",
        description="TNet on BagNet-77, as the paper runs it on ImageNet (table 4)",
        base_px=77,
        num_classes=1000,
        num_features=512,
        grid=5,
        cell_fraction=0.34375,
        looks_per_region=(3,),
        depths=2,
    ),
    Architecture(
        name="tnet_fmow",
        description="TNet on EfficientNet-B0, as the paper runs it on fMoW (table 5)",
        base_px=224,
        num_classes=62,
        num_features=1280,
        grid=3,
        cell_fraction=0.5,
        looks_per_region=(2, 1),
        depths=3,
    ),
    Architecture(
        name="bagnet77",
        description="the paper's full-image baseline on ImageNet",
        base_px=224,
        num_classes=1000,
        num_features=512,
        depths=1,
    ),
    Architecture(
        name="efficientnet_b0",
        description="the paper's full-image baseline on fMoW",
        base_px=224,
        num_classes=62,
        num_features=1280,
        depths=1,
    ),
    Architecture(
        name="tnet_small",
        description="a small TNet for CPUs, down to the finest pixels",
        base_px=96,
        num_classes=10,
        num_features=64,
        grid=7,
        cell_fraction=0.25,
    ),
    Architecture(
        name="cnn_small",
        description="the feature extraction of tnet_small over a whole image, as a baseline",
        base_px=1536,
        num_classes=10,
        num_features=64,
        depths=1,
    ),
)
ARCHITECTURES: Mapping[str, Architecture] = {one.name: one for one in _ALL}
"""By name, in the order in which they are listed."""


def architecture_named(name: str) -> Architecture:
    """The facts of a network.

    Raises:
        UnknownModelError: if there is none of that name; it names the nearest one.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    near = difflib.get_close_matches(name, ARCHITECTURES, n=1)
    hint = f"is {near[0]!r} meant? " if near else ""
    raise UnknownModelError(
        f"there is no architecture {name!r}; {hint}Known: {', '.join(ARCHITECTURES)}"
    )
