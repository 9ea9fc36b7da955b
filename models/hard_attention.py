"""What Saccader and DRAM cost for one image, counted as TNet's table 1 counts: convolutions and matrix products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from models.counts import multiplications_of, num_parameters
from models.dram.build import GLIMPSE_PX, NUM_RESOLUTIONS, build_dram
from models.network_size import Size
from models.saccader.build import build_saccader


@dataclass(frozen=True, slots=True, kw_only=True)
class HardAttentionCost:
    """How large a network is, and what its glimpses cost."""

    num_parameters: int
    """Trainable ones, and the moving statistics of normalisations."""
    with_one: int
    """Multiplications for one image with one glimpse."""
    each_further: int
    """Multiplications of every glimpse beyond the first."""

    def of_glimpses(self, num_glimpses: int) -> int:
        """Multiplications for one image with so many glimpses."""
        return self.with_one + (num_glimpses - 1) * self.each_further


def saccader_cost(
    size: Size, *, num_classes: int, num_bands: int, height_px: int, width_px: int
) -> HardAttentionCost:
    """Of a Saccader that sees images of `height_px` x `width_px`."""
    with torch.device("meta"):
        network = build_saccader(size, num_classes=num_classes, num_bands=num_bands).eval()
        image = torch.empty(1, num_bands, height_px, width_px)
    return _cost(network, lambda num_glimpses: network(image, num_glimpses))


def dram_cost(
    size: Size, *, num_classes: int, num_bands: int, glimpse_px: int | None = None
) -> HardAttentionCost:
    """Of a DRAM; the image's size does not matter to it."""
    with torch.device("meta"):
        network = build_dram(size, num_classes=num_classes, num_bands=num_bands).eval()
        fovea = _EmptyFovea(num_bands, glimpse_px or GLIMPSE_PX[size])
    return _cost(network, lambda num_glimpses: network(fovea, num_glimpses))


def _cost(network: nn.Module, look: Callable[[int], object]) -> HardAttentionCost:
    with torch.device("meta"):
        one, two = (multiplications_of(partial(look, count)) for count in (1, 2))
    return HardAttentionCost(
        num_parameters=num_parameters(network), with_one=one, each_further=two - one
    )


class _EmptyFovea:
    """Shows windows without pixels."""

    def __init__(self, num_bands: int, glimpse_px: int) -> None:
        self.extents = torch.empty(1, NUM_RESOLUTIONS, 2)
        self._windows = torch.empty(1, NUM_RESOLUTIONS, num_bands, glimpse_px, glimpse_px)

    def look(self, locations: Tensor) -> Tensor:
        """The same everywhere."""
        del locations
        return self._windows
