"""A small feature extraction module for CPUs: 96 px windows, a 7 x 7 grid of quarter-side cells.

Its last map has exactly one position per candidate cell: cells of 24 px at stride 12 are 2 x 2 positions of a
map with stride 12, so nothing has to be picked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.depth_layers import DepthConv2d, DepthLinear, in_order, rows_by_depth
from models.depth_norm import DepthNorm
from models.features import Features

NUM_FEATURES = 64
CELL_CHANNELS = 96
_SHUFFLE = 4
_WIDTHS = (32, 64)


class SmallMaps(nn.Module):
    """Four convolutions on pixels folded into channels. The first one and all statistics belong to each depth.

    A position sees 32 px and lies 12 px from the next.

    Args:
        num_bands: C of the windows.
        num_depths: D; deeper looks count as the last.
    """

    def __init__(self, *, num_bands: int, num_depths: int) -> None:
        super().__init__()
        first, second = _WIDTHS
        self._num_depths = num_depths
        self.fine = DepthConv2d(num_bands * _SHUFFLE**2, first, num_depths=num_depths)
        self.fine_norm = DepthNorm(first, num_depths=num_depths)
        self.coarse = nn.Conv2d(first, second, 3, stride=3, bias=False)
        self.coarse_norm = DepthNorm(second, num_depths=num_depths)
        self.cell = nn.Conv2d(second, CELL_CHANNELS, 2, bias=False)
        self.cell_norm = DepthNorm(CELL_CHANNELS, num_depths=num_depths)
        self.mix = nn.Conv2d(CELL_CHANNELS, CELL_CHANNELS, 1, bias=False)
        self.mix_norm = DepthNorm(CELL_CHANNELS, num_depths=num_depths)

    def maps(self, images: Tensor, depths: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) below D, sides multiples of 12, to (B, 96, H / 12 - 1, W / 12 - 1).

        In training, all windows are of one depth.
        """
        maps = F.pixel_unshuffle(images, _SHUFFLE)  # (B, 16 C, 24, 24)
        maps = F.silu(self.fine_norm(self.fine(maps, depths), depths))  # (B, 32, 24, 24)
        maps = F.silu(self.coarse_norm(self.coarse(maps), depths))  # (B, 64, 8, 8)
        cells = F.silu(self.cell_norm(self.cell(maps), depths))  # (B, 96, 7, 7)
        return cells + F.silu(self.mix_norm(self.mix(cells), depths))


class SmallFeatures(SmallMaps):
    """Those maps as cells, and pooled and projected, for each depth by itself, as the window's feature.

    Args:
        num_bands: C of the windows.
        num_depths: D; deeper looks count as the last.
    """

    def __init__(self, *, num_bands: int, num_depths: int) -> None:
        super().__init__(num_bands=num_bands, num_depths=num_depths)
        self.project = DepthLinear(2 * CELL_CHANNELS, NUM_FEATURES, num_depths=num_depths)
        self.last_maps = nn.Identity()

    def forward(self, images: Tensor, depths: Tensor) -> Features:
        """(B, C, 96, 96) and (B,) to (B, 64) vectors and (B, 96, 7, 7) cells.

        Any other side that is a multiple of 12 gives one cell per 12 px, less one.
        """
        depths = depths.clamp(max=self._num_depths - 1)
        if not self.training:
            return self._features(images, depths)
        rows = [own for _, own in rows_by_depth(depths)]
        seen = [self._features(images[own], depths[own]) for own in rows]
        return Features(
            in_order([one.vectors for one in seen], rows),
            in_order([one.cells for one in seen], rows),
            depths,
        )

    def _features(self, images: Tensor, depths: Tensor) -> Features:
        cells = self.last_maps(self.maps(images, depths))  # (B, 96, 7, 7)
        pooled = torch.cat([cells.amax(dim=(2, 3)), cells.mean(dim=(2, 3))], dim=1)  # (B, 192)
        vectors = F.silu(self.project(pooled[:, None], depths))[:, 0]  # (B, 64)
        return Features(vectors, cells, depths)
