"""The recurrence as two plain loops over rows and columns: the oracle."""

from __future__ import annotations

import torch
from torch import Tensor

from models.attention_rnn.diagonal_lstm import DiagonalLSTM


def double_loop(layer: DiagonalLSTM, maps: Tensor) -> Tensor:
    """(B, C, m, n) to (2, B, m, n, t), left map and right map, written from the equations, one cell at a time."""
    left = _states(layer, maps, 0)
    right = [row[::-1] for row in _states(layer, maps.flip(3), 1)]
    nothing = [torch.zeros_like(cell) for cell in right[0]]
    return torch.stack([_rows(left), _rows([nothing, *right[:-1]])])


def _rows(states: list[list[Tensor]]) -> Tensor:
    return torch.stack([torch.stack(row, dim=1) for row in states], dim=1)  # (B, m, n, t)


def _states(layer: DiagonalLSTM, maps: Tensor, direction: int) -> list[list[Tensor]]:
    b, _, m, n = maps.shape
    zero = maps.new_zeros(b, layer.left.shape[2])
    hidden: list[list[Tensor]] = []
    for i in range(m):
        row: list[Tensor] = []
        cell = zero
        for j in range(n):
            z = (
                maps[:, :, i, j] @ layer.input[direction].T
                + layer.bias[direction]
                + (row[j - 1] if j else zero) @ layer.left[direction].T
                + (hidden[i - 1][j] if i else zero) @ layer.above[direction].T
            )
            o, keep, forget, content = z.chunk(4, dim=1)
            cell = forget.sigmoid() * cell + keep.sigmoid() * content.tanh()
            row.append(o.sigmoid() * cell.tanh())
        hidden.append(row)
    return hidden
