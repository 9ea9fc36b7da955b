"""The maps of `tnet_small` under a Saccader, for CPUs: what TNet sees a window with, over a whole image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.small import CELL_CHANNELS, SmallMaps

_STEP_PX = 12
_LEAST_PX = 2 * _STEP_PX


class SmallBackbone(nn.Module):
    """A position per 12 px, seeing 32 px each.

    Args:
        num_bands: C of the images.
    """

    def __init__(self, *, num_bands: int) -> None:
        super().__init__()
        self.small = SmallMaps(num_bands=num_bands, num_depths=1)
        self.num_features = CELL_CHANNELS
        """F of the map."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) of any size to (B, 96, m, n); zeros are added at the right and at the bottom."""
        bottom, right = (_added(side) for side in images.shape[2:])
        depths = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        return self.small.maps(F.pad(images, (0, right, 0, bottom)), depths)


def _added(side_px: int) -> int:
    return max(_LEAST_PX, -(-side_px // _STEP_PX) * _STEP_PX) - side_px
