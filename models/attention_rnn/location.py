"""AttentionRNN as a location module: cells of a look are scored in sight of each other."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.attention_rnn.attention_rnn import DEFAULT_HIDDEN, AttentionMap, AttentionRNN
from models.attention_rnn.block import BlockAttentionRNN
from models.features import Features

BLOCK_GAMMA = 2
"""Side of a block of cells: the paper's better one."""


class RecurrentLocation(nn.Module):
    """The values of AttentionRNN over the map of cells, with the depth of the look as its query.

    In training the values are drawn from their distributions, so that they explore (ARNN~); afterwards they are the
    means.

    Args:
        cell_channels: D' of the cells.
        num_depths: depths that are told apart; deeper looks count as the last.
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
        inner = AttentionRNN(
            cell_channels, hidden_channels=hidden_channels, query_channels=num_depths, sampled=True
        )
        self.attention: nn.Module = (
            inner if gamma == 1 else BlockAttentionRNN(cell_channels, gamma=gamma, inner=inner)
        )
        self._num_depths = num_depths

    def forward(self, features: Features) -> Tensor:
        """(B, G) logits of the cells, row by row."""
        depths = features.depths.clamp(max=self._num_depths - 1)
        query = F.one_hot(depths, self._num_depths).to(features.cells.dtype)  # (B, num_depths)
        found: AttentionMap = self.attention(features.cells, query)  # (B, 1, n, n)
        return found.values.flatten(1)
