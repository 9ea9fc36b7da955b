"""Block AttentionRNN: one value per gamma x gamma positions, gamma times fewer steps (AttentionRNN, section 3.3)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.attention_rnn.attention_rnn import AttentionMap, AttentionRNN
from models.errors import ModelError


class BlockAttentionRNN(nn.Module):
    """Shrinks the map by a strided convolution, attends there, and spreads the values by a transposed one.

    A side that gamma does not divide is padded with zeros at its end, and the result is cropped.

    Args:
        in_channels: C of the maps.
        gamma: side of a block, at least 1.
        inner: an AttentionRNN for `in_channels`; it sees the shrunk maps.
    """

    def __init__(self, in_channels: int, *, gamma: int, inner: AttentionRNN) -> None:
        super().__init__()
        if gamma < 1:
            raise ModelError(f"Block AttentionRNN: gamma is {gamma}; at least 1")
        self.gamma = gamma
        self.shrink = nn.Conv2d(in_channels, in_channels, gamma, stride=gamma)
        self.inner = inner
        self.spread = nn.ConvTranspose2d(1, 1, gamma, stride=gamma)

    def forward(self, maps: Tensor, query: Tensor | None = None) -> AttentionMap:
        """(B, C, m, n) maps and (B, Q) queries to values for every position.

        `mean` and `std` are those of the blocks, ceil(m / gamma) x ceil(n / gamma).
        """
        m, n = maps.shape[2:]
        blocks = self.inner(self.shrunk(maps), query)
        values = self.spread(blocks.values)[:, :, :m, :n]
        return AttentionMap(values, blocks.mean, blocks.std)

    def shrunk(self, maps: Tensor) -> Tensor:
        """(B, C, ceil(m / gamma), ceil(n / gamma))."""
        m, n = maps.shape[2:]
        padded = F.pad(maps, (0, -n % self.gamma, 0, -m % self.gamma))
        result: Tensor = self.shrink(padded)
        return result
