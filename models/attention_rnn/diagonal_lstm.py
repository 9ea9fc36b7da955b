"""The two-direction diagonal LSTM of PixelRNN over a feature map (AttentionRNN, section 3.2; PixelRNN, section 3.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.attention_rnn.autocast import without_autocast
from models.attention_rnn.fused import FusedRecurrence, is_fused
from models.attention_rnn.inference import hidden_states
from models.attention_rnn.recurrence import DiagonalRecurrence, Weights
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
        gates = 4 * hidden_channels
        self.input = nn.Parameter(torch.empty(DIRECTIONS, gates, in_channels))
        self.bias = nn.Parameter(torch.empty(DIRECTIONS, gates))
        self.left = nn.Parameter(torch.empty(DIRECTIONS, gates, hidden_channels))
        self.above = nn.Parameter(torch.empty(DIRECTIONS, gates, hidden_channels))
        self.fill()

    def fill(self) -> None:
        """Draw weights as torch's own LSTM does: uniform within 1 / sqrt(t)."""
        bound = 1 / math.sqrt(self.left.shape[2])
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to (2, t, m n, B): left map, right map, positions row by row.

        Of the weights' precision under autocast, too: it knows `baddbmm` but not the forms that write in place, so
        that a product would find its operands in two types.
        """
        with without_autocast(maps.device):
            return self._hidden(maps.to(torch.promote_types(maps.dtype, self.input.dtype)))

    def _hidden(self, maps: Tensor) -> Tensor:
        m, n = maps.shape[2:]
        columns = maps.flatten(2).permute(1, 2, 0).contiguous()  # (C, N, B)
        left, right = self._states(columns, m, n)
        first_row = right.new_zeros((right.shape[0], n, right.shape[2]))
        return torch.stack([left, torch.cat([first_row, right[:, :-n]], dim=1)])

    def _states(self, columns: Tensor, m: int, n: int) -> Tensor:
        weights = Weights(self.input, self.bias, self.left, self.above)
        front = wavefront(m, n, columns.device)
        learns = any(one.requires_grad for one in (columns, *weights))
        states: Tensor
        if is_fused(columns, self.left, m):
            states = FusedRecurrence.apply(columns, *weights, m)
        elif learns and torch.is_grad_enabled():
            states = DiagonalRecurrence.apply(columns, *weights, front)
        else:
            states = hidden_states(columns, weights, front)
        return states
