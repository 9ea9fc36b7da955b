"""EfficientNet-B0, the feature extraction module of TNet on fMoW (TNet paper, table 5).

The last stage of 5 x 5 blocks has 192 channels; the table's 112 is a misprint that no parameter count fits.
The network is torchvision's; padding, normalisation and drop rates are made the paper's.
"""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import efficientnet_b0
from torchvision.models.efficientnet import MBConv

from models.features import Features
from models.same_padding import SameConv2d

NUM_FEATURES = 1280
CELL_CHANNELS = 80
_PICKED_STAGE = 4
"""The stage after which the 8th MBConv's 14 x 14 map describes the candidate cells."""
_PICKS = slice(2, None, 4)
"""Rows and columns 2, 6, 10 of 14 give the 3 x 3 grid (authors' code); centres at 47, 111, 175 of 224 px."""


class EfficientNetFeatures(nn.Module):
    """EfficientNet-B0 up to its global average.

    Args:
        num_bands: C of the windows.
        grid: 3 to describe the candidate cells; 0 for the full-image baseline.
        drop_connect: stochastic depth of the last block; block b of 16 has b/16 of it.
    """

    def __init__(self, *, num_bands: int, grid: int, drop_connect: float = 0.2) -> None:
        super().__init__()
        self.stages = efficientnet_b0(weights=None).features
        _adopt(self.stages, num_bands)
        blocks = [module for module in self.stages.modules() if isinstance(module, MBConv)]
        for number, block in enumerate(blocks, start=1):
            block.stochastic_depth.p = drop_connect * number / len(blocks)
        self.last_maps = nn.Identity()
        self._grid = grid

    def forward(self, images: Tensor, depths: Tensor) -> Features:
        """(B, C, H, W) in [-1, 1] to (B, 1280) vectors and (B, 80, 3, 3) cells."""
        maps, picked = images, images
        for number, stage in enumerate(self.stages):
            maps = stage(maps)
            if number == _PICKED_STAGE:
                picked = maps
        vectors = self.last_maps(maps).mean(dim=(2, 3))  # (B, D)
        cells = picked[:, :, _PICKS, _PICKS] if self._grid else picked[:, :, :0, :0]
        return Features(vectors, cells, depths)


def _adopt(parent: nn.Module, num_bands: int) -> None:
    """Replace padded convolutions by "SAME" ones, and set BatchNorm as TensorFlow does."""
    for name, child in parent.named_children():
        if isinstance(child, nn.Conv2d) and child.kernel_size[0] > 1:
            bands = num_bands if child.in_channels == 3 else child.in_channels
            same = SameConv2d(
                bands,
                child.out_channels,
                child.kernel_size[0],
                child.stride[0],
                groups=child.groups,
                bias=child.bias is not None,
            )
            setattr(parent, name, same)
        elif isinstance(child, nn.BatchNorm2d):
            child.eps, child.momentum = 1e-3, 0.01
        else:
            _adopt(child, num_bands)
