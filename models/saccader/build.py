"""The paper's Saccader, and a small one for CPUs."""

from __future__ import annotations

import torch

from models.network_size import Size
from models.saccader.bagnet import BagNetMaps
from models.saccader.network import Saccader
from models.saccader.small_backbone import SmallBackbone

_SMALL_NARROW = 64


def build_saccader(
    size: Size,
    *,
    num_classes: int,
    num_bands: int = 3,
    input_mean: float = 0.5,
    seed: int = 0,
) -> Saccader:
    """A network with random weights, in training mode. Leaves the global generator alone.

    Args:
        size: `paper`: on BagNet-77, 35.58 million parameters at 1,000 classes, moving statistics included; `small`:
            on the maps of `tnet_small`.
        num_classes: K.
        num_bands: C of its images.
        input_mean: value (0 to 1) of a pixel that the network sees as 0.
        seed: of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if size == "paper":
            paper = BagNetMaps(num_bands=num_bands)
            return Saccader(paper, paper.num_features, num_classes, input_mean=input_mean)
        small = SmallBackbone(num_bands=num_bands)
        return Saccader(
            small, small.num_features, num_classes, narrow=_SMALL_NARROW, input_mean=input_mean
        )
