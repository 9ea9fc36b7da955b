"""CBAM: channel attention, then spatial attention (Woo et al., 2018), with AttentionRNN in the second place if wanted.

As in the authors' code: the same two-layer network on mean and maximum, a 7 x 7 convolution without bias over the
channels' maximum and mean, then a batch normalisation whose weight starts at 0, so that a new gate is 0.5 everywhere.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from models.attention_rnn.attention_rnn import DEFAULT_HIDDEN, AttentionMap, AttentionRNN
from models.attention_rnn.block import BlockAttentionRNN

_REDUCTION = 16
_MOMENTUM = 0.01


class ChannelGate(nn.Module):
    """One factor per channel.

    Args:
        channels: C; the hidden layer has a sixteenth.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // _REDUCTION)
        self.layers = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to the same, scaled."""
        mean, largest = maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))
        scores: Tensor = self.layers(mean) + self.layers(largest)  # (B, C)
        return maps * scores.sigmoid()[:, :, None, None]


class SpatialGate(nn.Module):
    """One factor per position, by a convolution over the channels' maximum and mean.

    Args:
        kernel_px: 7 in CBAM, 3 in AttentionRNN's comparison.
    """

    def __init__(self, kernel_px: int = 7) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 1, kernel_px, padding=kernel_px // 2, bias=False)
        self.norm = nn.BatchNorm2d(1, momentum=_MOMENTUM)
        nn.init.zeros_(self.norm.weight)
        self.mask = nn.Sigmoid()

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to the same, scaled."""
        gate: Tensor = self.mask(self.norm(self.convolution(pooled(maps))))  # (B, 1, m, n)
        return maps * gate


class RecurrentGate(nn.Module):
    """One factor per position, by AttentionRNN or its block form.

    Args:
        channels: C of the maps.
        source: what it sees: `full`, all channels, or `pool`, their maximum and mean. The paper does not say.
        hidden_channels: t.
        gamma: side of a block; 1: AttentionRNN itself.
    """

    def __init__(
        self,
        channels: int,
        *,
        source: Literal["full", "pool"] = "full",
        hidden_channels: int = DEFAULT_HIDDEN,
        gamma: int = 1,
    ) -> None:
        super().__init__()
        seen = channels if source == "full" else 2
        inner = AttentionRNN(seen, hidden_channels=hidden_channels)
        self.attention: nn.Module = (
            inner if gamma == 1 else BlockAttentionRNN(seen, gamma=gamma, inner=inner)
        )
        self.source = source
        self.mask = nn.Sigmoid()

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to the same, scaled."""
        seen = maps if self.source == "full" else pooled(maps)
        found: AttentionMap = self.attention(seen)
        gate: Tensor = self.mask(found.values)  # (B, 1, m, n)
        return maps * gate


class CBAM(nn.Module):
    """Both gates, one after the other.

    Args:
        channels: C of the maps.
        spatial: the second gate; None: CBAM's own.
    """

    def __init__(self, channels: int, *, spatial: nn.Module | None = None) -> None:
        super().__init__()
        self.channel = ChannelGate(channels)
        self.spatial = spatial or SpatialGate()

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to the same, scaled."""
        scaled: Tensor = self.spatial(self.channel(maps))
        return scaled


def pooled(maps: Tensor) -> Tensor:
    """(B, C, m, n) to (B, 2, m, n): maximum and mean over channels."""
    return torch.stack([maps.amax(dim=1), maps.mean(dim=1)], dim=1)
