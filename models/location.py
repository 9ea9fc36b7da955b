"""The location module of TNet on ImageNet, and what all location modules share (TNet paper, 3.2 and B.1.1).

It says how much each candidate cell of a window is worth a look.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.features import Features


class ContextLocation(nn.Module):
    """Each cell's vector beside the window's own, then two 1 x 1 convolutions (table 4).

    Args:
        cell_channels: D' of the cells.
        context_channels: D of the window's vector.
        hidden_channels: width between the convolutions.
    """

    def __init__(self, *, cell_channels: int, context_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.coordinates = Coordinates()
        self.fuse = nn.Conv2d(cell_channels + context_channels + 2, hidden_channels, 1)
        self.score = nn.Conv2d(hidden_channels, 1, 1)

    def forward(self, features: Features) -> Tensor:
        """(B, G) logits of the cells, row by row."""
        cells, context = features.cells, features.vectors
        b, _, n, m = cells.shape
        spread = context[:, :, None, None].expand(b, -1, n, m)  # (B, D, n, n)
        fused = self.coordinates(torch.cat([cells, spread], dim=1))
        scores: Tensor = self.score(F.leaky_relu(self.fuse(fused), 0.2))  # (B, 1, n, n)
        return scores.flatten(1)


class Coordinates(nn.Module):
    """Appends two channels: row and column in [-1, 1], each through a learned line that starts as identity."""

    def __init__(self) -> None:
        super().__init__()
        self.y = nn.Linear(1, 1)
        self.x = nn.Linear(1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, n, n) to (B, C + 2, n, n)."""
        b, _, n, m = maps.shape
        rows = self.y(torch.linspace(-1, 1, n, device=maps.device)[:, None])  # (n, 1)
        cols = self.x(torch.linspace(-1, 1, m, device=maps.device)[:, None])  # (n, 1)
        y = rows[None, None].expand(b, 1, n, m)
        x = cols.T[None, None].expand(b, 1, n, m)
        return torch.cat([maps, y, x], dim=1)
