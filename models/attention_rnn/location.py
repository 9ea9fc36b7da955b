"""AttentionRNN as a location module: cells of a look are scored in sight of each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.attention_rnn.attention_rnn import DEFAULT_HIDDEN, AttentionMap, AttentionRNN
from models.attention_rnn.block import BlockAttentionRNN
from models.depth_layers import depth_by_depth
from models.features import Features

BLOCK_GAMMA = 2
"""Side of a block of cells: the paper's better one."""
FIRST_GAIN, FIRST_BIAS = 5.0, -4.0
"""Where logits start: nearly all cells are worth nothing, and a little more or less in the map is much."""


class RecurrentLocation(nn.Module):
    """AttentionRNN over the map of cells, as logits; each depth has one of its own.

    Its means are small numbers around 0, while most cells are worth nothing: a learned gain and bias stand between.
    Its standard deviations are not used: a walk explores by its own rule, and drawn values never learned to point.

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
        self.gain = nn.Parameter(torch.full((num_depths,), FIRST_GAIN))
        self.bias = nn.Parameter(torch.full((num_depths,), FIRST_BIAS))

    def forward(self, features: Features) -> Tensor:
        """(B, G) logits of the cells, row by row."""
        depths = features.depths.clamp(max=len(self.attentions) - 1)
        if self.training:
            return depth_by_depth(
                depths, lambda depth, rows: self._logits(depth, features.cells[rows])
            )
        # All depths for all looks: work of one shape, so an answer does not depend on the others of its batch.
        every = torch.stack([self._logits(d, features.cells) for d in range(len(self.attentions))])
        return every[depths, torch.arange(len(depths), device=depths.device)]  # of (D, B, G)

    def _logits(self, depth: int, cells: Tensor) -> Tensor:
        """(B, D', n, n) cells to (B, G)."""
        found: AttentionMap = self.attentions[depth](cells)  # (B, 1, n, n)
        return self.bias[depth] + self.gain[depth] * found.values.flatten(1)


def _attention(cell_channels: int, hidden_channels: int, gamma: int) -> nn.Module:
    inner = AttentionRNN(cell_channels, hidden_channels=hidden_channels)
    return inner if gamma == 1 else BlockAttentionRNN(cell_channels, gamma=gamma, inner=inner)
