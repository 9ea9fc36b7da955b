"""The location module of TNet on fMoW: light, its context comes by squeeze and excitation (TNet paper, table 5)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import SqueezeExcitation

from models.features import Features
from models.location import Coordinates


class SqueezeLocation(nn.Module):
    """Context by squeeze and excitation, for light networks (table 5).

    Args:
        cell_channels: D' of the cells.
    """

    def __init__(self, *, cell_channels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(cell_channels, cell_channels, 1)
        self.squeeze = SqueezeExcitation(cell_channels, cell_channels // 2, activation=nn.SiLU)
        self.coordinates = Coordinates()
        self.fuse = nn.Conv2d(cell_channels + 2, cell_channels, 1)
        self.score = nn.Conv2d(cell_channels, 1, 1)

    def forward(self, features: Features) -> Tensor:
        """(B, G) logits of the cells, row by row."""
        maps = self.squeeze(F.silu(self.enter(features.cells)))
        scores: Tensor = self.score(F.silu(self.fuse(self.coordinates(maps))))  # (B, 1, n, n)
        return scores.flatten(1)
