"""A recurrent cell whose state is a map (Shi et al., 2015), without peepholes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class MapState(NamedTuple):
    """What is carried from step to step."""

    hidden: Tensor
    """(B, S, m, n)."""
    cell: Tensor
    """(B, S, m, n)."""


class ConvLstmCell(nn.Module):
    """Gates are convolutions of 3 x 3 over the input and the hidden map.

    Args:
        in_channels: C of the input.
        state_channels: S.
    """

    def __init__(self, in_channels: int, state_channels: int) -> None:
        super().__init__()
        self._state_channels = state_channels
        self.gates = nn.Conv2d(in_channels + state_channels, 4 * state_channels, 3, padding=1)

    def first(self, count: int, height: int, width: int, like: Tensor) -> MapState:
        """Zeros for `count` images."""
        zeros = like.new_zeros(count, self._state_channels, height, width)
        return MapState(zeros, zeros)

    def forward(self, maps: Tensor, state: MapState) -> MapState:
        """(B, C, m, n) and the state before to the state after."""
        gates = self.gates(torch.cat([maps, state.hidden], dim=1))
        enter, forget, leave, candidate = gates.chunk(4, dim=1)
        cell = forget.sigmoid() * state.cell + enter.sigmoid() * candidate.tanh()
        return MapState(leave.sigmoid() * cell.tanh(), cell)
