"""Networks beside TNet that choose what of an image counts (`foveate baseline-benchmark`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.dram.build import GLIMPSE_PX, NUM_RESOLUTIONS
from models.hard_attention import HardAttentionCost, dram_cost, saccader_cost
from models.network_size import Size

_SACCADER = "Saccader (2019)"
_DRAM = "DRAM (2015), as Saccader's authors"


@dataclass(frozen=True, slots=True, kw_only=True)
class HardAttentionEntry:
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


def _windows(size: Size) -> str:
    return f"{NUM_RESOLUTIONS} x {GLIMPSE_PX[size]} x {GLIMPSE_PX[size]}"


_SEES_ALL = "sees all of an image, then picks positions of its map"
_READS_LITTLE = "reads windows around one location after another"
HARD_ATTENTION: Mapping[str, HardAttentionEntry] = {
    "saccader": HardAttentionEntry(
        paper=_SACCADER,
        role=_SEES_ALL,
        num_classes=1000,
        looks_at="224 x 224",
        cost=lambda num_classes: saccader_cost(
            "paper", num_classes=num_classes, num_bands=3, height_px=224, width_px=224
        ),
    ),
    "saccader_small": HardAttentionEntry(
        paper=_SACCADER,
        role=_SEES_ALL,
        num_classes=10,
        looks_at="1536 x 1536",
        cost=lambda num_classes: saccader_cost(
            "small", num_classes=num_classes, num_bands=1, height_px=1536, width_px=1536
        ),
    ),
    "dram": HardAttentionEntry(
        paper=_DRAM,
        role=_READS_LITTLE,
        num_classes=1000,
        looks_at=_windows("paper"),
        cost=lambda num_classes: dram_cost("paper", num_classes=num_classes, num_bands=3),
    ),
    "dram_small": HardAttentionEntry(
        paper=_DRAM,
        role=_READS_LITTLE,
        num_classes=10,
        looks_at=_windows("small"),
        cost=lambda num_classes: dram_cost("small", num_classes=num_classes, num_bands=1),
    ),
}
"""By name."""
