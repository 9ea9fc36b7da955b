"""Positional encoding modules: where a look lies in the tree, added to what was seen (TNet paper, 3.2 and B.1.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BASE = 100.0


def positional_vectors(positions: Tensor, num_channels: int) -> Tensor:
    """Sines and cosines of (y, x, scale).

    Args:
        positions: (B, 3) integers y, x and depth.
        num_channels: N of the result; floor(N / 6) frequencies 100^(-i / (F - 1)), the rest is zero.

    Returns:
        (B, N) as [sin y, cos y, sin x, cos x, sin s, cos s, 0...] (order and rounding: authors' code).
    """
    b = positions.shape[0]
    num_frequencies = num_channels // 6
    steps = torch.arange(num_frequencies, device=positions.device, dtype=torch.float32)
    frequencies = BASE ** (-steps / max(1, num_frequencies - 1))  # (F,)
    angles = positions[:, :, None].to(torch.float32) * frequencies  # (B, 3, F)
    waves = torch.stack([angles.sin(), angles.cos()], dim=2)  # (B, 3, 2, F)
    flat = waves.reshape(b, 6 * num_frequencies)
    return F.pad(flat, (0, num_channels - 6 * num_frequencies))


class ConcatenatedEncoding(nn.Module):
    """One linear layer over the feature and its position, side by side (table 4). No activation.

    Args:
        num_features: D, also the length of the positional vector.
    """

    def __init__(self, *, num_features: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * num_features, num_features)

    def forward(self, vectors: Tensor, positions: Tensor) -> Tensor:
        """(B, D) vectors and (B, 3) positions to (B, D)."""
        where = positional_vectors(positions, vectors.shape[1])
        encoded: Tensor = self.mix(torch.cat([vectors, where], dim=1))
        return encoded


class AddedEncoding(nn.Module):
    """The position through a linear layer, added to the feature, then SiLU (table 5).

    Args:
        num_features: D.
        num_channels: length of the positional vector.
    """

    def __init__(self, *, num_features: int, num_channels: int) -> None:
        super().__init__()
        self.project = nn.Linear(num_channels, num_features)
        self._num_channels = num_channels

    def forward(self, vectors: Tensor, positions: Tensor) -> Tensor:
        """(B, D) vectors and (B, 3) positions to (B, D)."""
        where = positional_vectors(positions, self._num_channels)
        return F.silu(vectors + self.project(where))
