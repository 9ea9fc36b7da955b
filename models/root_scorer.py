"""A score for every root of an image, each in sight of the others: the coarse scan before the walk."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.attention_rnn.attention_rnn import AttentionMap, AttentionRNN
from models.attention_rnn.block import BlockAttentionRNN

_WIDTHS = (16, 32)


class RootScorer(nn.Module):
    """(Block) AttentionRNN over features of a coarse level (AttentionRNN, sections 3.1 and 3.3); a position is a root.

    An overview becomes a vector by two convolutions, whose mean says what a root is like and whose maximum whether
    there is a speck of something in it. The grid may have any size.

    Args:
        num_bands: C.
        gamma: side of a block of roots that share a value; 1: every root has its own.
    """

    def __init__(self, *, num_bands: int, gamma: int = 1) -> None:
        super().__init__()
        first, second = _WIDTHS
        self.features = nn.Sequential(
            nn.Conv2d(num_bands, first, 3, padding=1, padding_mode="replicate"),
            nn.SiLU(),
            nn.Conv2d(first, second, 3, padding=1, padding_mode="replicate"),
            nn.SiLU(),
        )
        inner = AttentionRNN(2 * second, sampled=True)
        self.attention: nn.Module = (
            inner if gamma == 1 else BlockAttentionRNN(2 * second, gamma=gamma, inner=inner)
        )

    def forward(self, overviews: Tensor) -> Tensor:
        """(R, Q, C, p, p) overviews to (R, Q) logits; in training they are drawn, so that they explore."""
        rows, cols = overviews.shape[:2]
        maps = self.features(overviews.flatten(0, 1))  # (R Q, F, p, p)
        vectors = torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)  # (R Q, 2 F)
        grid = vectors.view(rows, cols, -1).permute(2, 0, 1)[None]  # (1, 2 F, R, Q)
        found: AttentionMap = self.attention(grid)
        return found.values[0, 0]
