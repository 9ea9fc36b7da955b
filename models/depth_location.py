"""A location module with weights of its own for every depth: specks and digits stand out in different ways."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.depth_layers import DepthLinear
from models.features import Features


class DepthLocation(nn.Module):
    """Each cell's vector beside the mean of all cells, then two layers of the depth's own.

    Args:
        cell_channels: D' of the cells.
        hidden_channels: width between the layers.
        num_depths: depths with weights of their own.
    """

    def __init__(self, *, cell_channels: int, hidden_channels: int, num_depths: int) -> None:
        super().__init__()
        self.fuse = DepthLinear(2 * cell_channels, hidden_channels, num_depths=num_depths)
        self.score = DepthLinear(hidden_channels, 1, num_depths=num_depths)

    def forward(self, features: Features) -> Tensor:
        """(B, G) logits of the cells, row by row."""
        cells = features.cells.flatten(2).mT  # (B, G, D')
        context = cells.mean(dim=1, keepdim=True).expand_as(cells)
        hidden = F.silu(self.fuse(torch.cat([cells, context], dim=2), features.depths))
        scores: Tensor = self.score(hidden, features.depths)  # (B, G, 1)
        return scores[:, :, 0]
