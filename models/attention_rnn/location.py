"""AttentionRNN as a location module: cells of a look are scored in sight of each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.attention_rnn.attention_rnn import DEFAULT_HIDDEN, AttentionMap, AttentionRNN
from models.attention_rnn.block import BlockAttentionRNN
from models.depth_layers import parts_by_depth
from models.features import Features

BLOCK_GAMMA = 2
"""Side of a block of cells: the paper's better one."""


class RecurrentLocation(nn.Module):
    """The values of AttentionRNN over the map of cells; each depth has one of its own.

    In training the values are drawn from their distributions, so that they explore (ARNN~); afterwards they are the
    means.

    Args:
        cell_channels: D' of the cells.
        num_depths: depths with weights of their own; deeper looks count as the last.
        hidden_channels: t.
        gamma: side of a block; 1: AttentionRNN itself.
    """

    def __init__(
        self,
        *,
        cell_channels: int,
        num_depths: int,
        hidden_channels: int = DEFAULT_HIDDEN,
        gamma: int = 1,
    ) -> None:
        super().__init__()
        self.attentions = nn.ModuleList(
            _attention(cell_channels, hidden_channels, gamma) for _ in range(num_depths)
        )

    def forward(self, features: Features) -> Tensor:
        """(B, G) logits of the cells, row by row. In training looks come sorted by depth."""
        depths = features.depths.clamp(max=len(self.attentions) - 1)
        if self.training:
            parts = parts_by_depth(features.cells, depths, len(self.attentions))
            return torch.cat([_values(self.attentions[depth], part) for depth, part in parts])
        # All depths for all looks: work of one shape, so an answer does not depend on the others of its batch.
        every = torch.stack([_values(one, features.cells) for one in self.attentions])  # (D, B, G)
        return every[depths, torch.arange(len(depths), device=depths.device)]


def _attention(cell_channels: int, hidden_channels: int, gamma: int) -> nn.Module:
    inner = AttentionRNN(cell_channels, hidden_channels=hidden_channels, sampled=True)
    return inner if gamma == 1 else BlockAttentionRNN(cell_channels, gamma=gamma, inner=inner)


def _values(attention: nn.Module, cells: Tensor) -> Tensor:
    """(B, D', n, n) cells to (B, G) values."""
    found: AttentionMap = attention(cells)  # (B, 1, n, n)
    return found.values.flatten(1)
