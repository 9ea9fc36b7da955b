"""Where: positions of a layer, weighed by what the state is after (section 3.1), and what goes into the state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_HIDDEN = 96


class Seen(NamedTuple):
    """A layer as the state sees it."""

    embedded: Tensor
    """(B, E, m, n), on the grid of the state."""
    mask: Tensor
    """(B, 1, h, w) of the layer's own grid, summing to 1."""


class SpatialAttention(nn.Module):
    """Of one layer (equation 1).

    The mask is multiplied by the number of positions, so that what it leaves has the scale of the layer; the paper
    does not.

    Args:
        channels: D of the layer.
        state_channels: S.
        embedded_channels: E.
    """

    def __init__(self, channels: int, state_channels: int, embedded_channels: int) -> None:
        super().__init__()
        self.from_state = nn.Conv2d(state_channels, channels, 1)
        self.hidden = nn.Conv2d(channels, _HIDDEN, 1)
        self.score = nn.Conv2d(_HIDDEN, 1, 1)
        half = embedded_channels // 2
        self.points = nn.Conv2d(channels, half, 1)
        self.patches = nn.Sequential(
            nn.Conv2d(channels, half, 1), nn.ReLU(), nn.Conv2d(half, half, 3, padding=1)
        )

    def forward(self, maps: Tensor, hidden: Tensor) -> Seen:
        """(B, D, h, w) of the layer and (B, S, m, n) of the state."""
        wanted = F.interpolate(
            self.from_state(hidden), size=maps.shape[2:], mode="bilinear", align_corners=False
        )
        scores = self.score(self.hidden(F.relu(wanted + maps)))  # (B, 1, h, w)
        mask = scores.flatten(2).softmax(dim=2).view(scores.shape)
        attended = maps * mask * mask.shape[2] * mask.shape[3]
        embedded = F.relu(torch.cat([self.points(attended), self.patches(attended)], dim=1))
        rows, cols = hidden.shape[2:]
        return Seen(F.adaptive_avg_pool2d(embedded, (rows, cols)), mask)
