"""The two-direction diagonal LSTM of PixelRNN over a feature map (AttentionRNN, section 3.2; PixelRNN, section 3.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention_rnn.autocast import without_autocast
from models.attention_rnn.fused import FusedRecurrence, is_fused
from models.attention_rnn.inference import hidden_states
from models.attention_rnn.raster import RasterRecurrence, is_raster
from models.attention_rnn.recurrence import DiagonalRecurrence, Weights
from models.attention_rnn.wavefront import Wavefront, wavefront

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

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, m, n) to the left map and the right map, (B, m, n, t) each.

        Of the weights' precision under autocast, too: it knows `baddbmm` but not the forms that write in place, so
        that a product would find its operands in two types.
        """
        with without_autocast(maps.device):
            wanted = torch.promote_types(maps.dtype, self.input.dtype)
            left, right = self._states(maps.to(wanted).permute(0, 2, 3, 1))
            return left, F.pad(right[:, :-1], (0, 0, 0, 0, 1, 0))

    def _states(self, maps: Tensor) -> Tensor:
        """(B, m, n, C) to (2, B, m, n, t), by the fastest way that there is here."""
        weights = Weights(self.input, self.bias, self.left, self.above)
        learns = any(one.requires_grad for one in (maps, *weights))
        states: Tensor
        if is_fused(maps, self.left):
            states = FusedRecurrence.apply(maps, *weights)
        elif is_raster(maps, self.left):
            states = RasterRecurrence.apply(maps, *weights)
        elif learns and torch.is_grad_enabled():
            states = DiagonalRecurrence.apply(maps, *weights, _front_of(maps))
        else:
            states = hidden_states(maps, weights, _front_of(maps))
        return states


def _front_of(maps: Tensor) -> Wavefront:
    """Of (B, m, n, C) maps."""
    return wavefront(maps.shape[1], maps.shape[2], maps.device)
