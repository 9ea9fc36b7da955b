"""The paper's DRAM, and a small one for CPUs."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from models.dram.network import Dram
from models.dram.resnet import ResNet50V2
from models.dram.small_glimpse import SmallGlimpseNetwork
from models.network_size import Size

NUM_RESOLUTIONS = 3
GLIMPSE_PX: Mapping[Size, int] = {"paper": 77, "small": 96}
"""Side of a window."""
_HIDDEN: Mapping[Size, int] = {"paper": 1024, "small": 128}


def build_dram(
    size: Size,
    *,
    num_classes: int,
    num_bands: int = 3,
    sees_around: bool = False,
    input_mean: float = 0.5,
    seed: int = 0,
) -> Dram:
    """A network with random weights, in training mode. Leaves the global generator alone.

    Args:
        size: `paper`: on ResNet-50, 45.61 million parameters at 1,000 classes, moving statistics included; `small`:
            on the feature extraction of `tnet_small`.
        num_classes: K.
        num_bands: C of its windows.
        sees_around: see `Dram`.
        input_mean: value (0 to 1) of a pixel that the network sees as 0.
        seed: of the weights.
    """
    in_channels = NUM_RESOLUTIONS * (num_bands + 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ResNet50V2(in_channels) if size == "paper" else SmallGlimpseNetwork(in_channels)
        return Dram(
            network,
            network.num_features,
            num_classes,
            hidden=_HIDDEN[size],
            sees_around=sees_around,
            input_mean=input_mean,
        )
