"""An LSTM cell with one bias, whose forget gate starts open: TensorFlow's, which the authors used."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

_FORGET_BIAS = 1.0
"""Added to the forget gate beside its learned bias."""


class LstmState(NamedTuple):
    """What a cell remembers."""

    hidden: Tensor
    """(B, H), which is also what it says."""
    cell: Tensor
    """(B, H)."""


class LstmCell(nn.Module):
    """One step. `nn.LSTMCell` has two biases, which are one too many for the authors' count.

    Args:
        in_features: D.
        hidden: H.
    """

    def __init__(self, in_features: int, hidden: int) -> None:
        super().__init__()
        self.gates = nn.Linear(in_features + hidden, 4 * hidden)
        self._hidden = hidden

    def first(self, like: Tensor) -> LstmState:
        """Nothing seen yet, for a batch as large as `like`."""
        nothing = like.new_zeros(len(like), self._hidden)
        return LstmState(nothing, nothing)

    def forward(self, values: Tensor, state: LstmState) -> LstmState:
        """(B, D) to the next state."""
        gates: Tensor = self.gates(torch.cat([values, state.hidden], dim=1))
        enter, forget, show, new = gates.chunk(4, dim=1)  # (B, H) each
        kept = (forget + _FORGET_BIAS).sigmoid() * state.cell
        cell = kept + enter.sigmoid() * new.tanh()
        return LstmState(show.sigmoid() * cell.tanh(), cell)
