"""The feature extraction of `tnet_small` under a DRAM, for CPUs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.small import NUM_FEATURES, SmallFeatures

_STEP_PX = 12
_LEAST_PX = 2 * _STEP_PX


class SmallGlimpseNetwork(nn.Module):
    """One vector per stack of windows.

    The context has statistics and first filters of its own: of a glimpse only the finest window may be seen, and one
    set of statistics would fit neither.

    Args:
        in_channels: of the stack.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.small = SmallFeatures(num_bands=in_channels, num_depths=2)
        self.num_features = NUM_FEATURES
        """D of what comes out."""

    def forward(self, stacks: Tensor, *, is_context: bool) -> Tensor:
        """(B, C, g, g) to (B, 64); zeros are added at the right and at the bottom up to a multiple of 12 px."""
        side = stacks.shape[-1]
        added = max(_LEAST_PX, -(-side // _STEP_PX) * _STEP_PX) - side
        depths = torch.full((len(stacks),), 0 if is_context else 1, device=stacks.device)
        vectors: Tensor = self.small(F.pad(stacks, (0, added, 0, added)), depths).vectors
        return vectors
