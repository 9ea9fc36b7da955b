"""The two-direction diagonal LSTM of PixelRNN over a feature map (AttentionRNN, section 3.2; PixelRNN, section 3.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.attention_rnn.recurrence import DiagonalRecurrence
from models.attention_rnn.wavefront import wavefront

DIRECTIONS = 2


class DiagonalLSTM(nn.Module):
    """Hidden states of every position, one map that has seen what lies left and above, one right and above.

    The projection of the input, with its bias, comes before the skew: there is no padding for a bias to leak from.
    The right map is moved down one row, so that no position of it has seen its own row (PixelRNN does this to keep
    the order of generation; both together see all that comes before a position).

    Args:
        in_channels: C.
        hidden_channels: t.
    """

    def __init__(self, in_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.empty(DIRECTIONS, in_channels, 4 * hidden_channels))
        self.bias = nn.Parameter(torch.empty(DIRECTIONS, 4 * hidden_channels))
        self.left = nn.Parameter(torch.empty(DIRECTIONS, hidden_channels, 4 * hidden_channels))
        self.above = nn.Parameter(torch.empty(DIRECTIONS, hidden_channels, 4 * hidden_channels))
        self.fill()

    def fill(self) -> None:
        """Draw weights as torch's own LSTM does: uniform within 1 / sqrt(t)."""
        bound = 1 / math.sqrt(self.left.shape[1])
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to (2, m n, B, t): left map, right map, positions row by row."""
        b, c, m, n = maps.shape
        front = wavefront(m, n, maps.device)
        rows = maps.flatten(2).permute(2, 0, 1)  # (N, B, C)
        both = torch.stack([rows[front.cells], rows[front.mirrored_cells]])  # (2, N, B, C)
        projected = torch.baddbmm(self.bias[:, None], both.flatten(1, 2), self.input)
        projected = projected.view(DIRECTIONS, m * n, b, -1)
        states: Tensor = DiagonalRecurrence.apply(projected, self.left, self.above, front)
        left, right = states[0][front.stored], states[1][front.mirrored_stored]
        first_row = right.new_zeros((n, *right.shape[1:]))
        return torch.stack([left, torch.cat([first_row, right[:-n]])])
