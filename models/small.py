"""A small feature extraction module for CPUs: 96 px windows, a 7 x 7 grid of quarter-side cells.

Its last map has exactly one position per candidate cell: cells of 24 px at stride 12 are 2 x 2 positions of a
map with stride 12, so nothing has to be picked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.features import Features
from models.same_padding import SameConv2d

NUM_FEATURES = 64
CELL_CHANNELS = 64
_SHUFFLE = 4
_WIDTHS = (24, 48)


class SmallFeatures(nn.Module):
    """Three convolutions on pixels folded into channels.

    Args:
        num_bands: C of the windows.
    """

    def __init__(self, *, num_bands: int) -> None:
        super().__init__()
        first, second = _WIDTHS
        self.fine = SameConv2d(num_bands * _SHUFFLE**2, first, 3, bias=False)
        self.fine_norm = nn.BatchNorm2d(first)
        self.coarse = nn.Conv2d(first, second, 3, stride=3, bias=False)
        self.coarse_norm = nn.BatchNorm2d(second)
        self.cell = nn.Conv2d(second, CELL_CHANNELS, 2, bias=False)
        self.cell_norm = nn.BatchNorm2d(CELL_CHANNELS)
        self.project = nn.Linear(2 * CELL_CHANNELS, NUM_FEATURES)

    def forward(self, images: Tensor) -> Features:
        """(B, C, 96, 96) to (B, 64) vectors and (B, 64, 7, 7) cells."""
        maps = F.pixel_unshuffle(images, _SHUFFLE)  # (B, 16 C, 24, 24)
        maps = F.silu(self.fine_norm(self.fine(maps)))  # (B, 24, 24, 24)
        maps = F.silu(self.coarse_norm(self.coarse(maps)))  # (B, 48, 8, 8)
        cells = F.silu(self.cell_norm(self.cell(maps)))  # (B, 64, 7, 7)
        pooled = torch.cat([cells.amax(dim=(2, 3)), cells.mean(dim=(2, 3))], dim=1)  # (B, 128)
        return Features(self.project(pooled), cells)
