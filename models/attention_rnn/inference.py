"""The forward pass alone: nothing is kept but hidden states, and a diagonal's gates never leave the cache."""

from __future__ import annotations

import torch
from torch import Tensor

from models.attention_rnn.recurrence import Weights, below, by_diagonal, kept, on_the_map
from models.attention_rnn.wavefront import Wavefront


def hidden_states(maps: Tensor, weights: Weights, front: Wavefront) -> Tensor:
    """(B, m, n, C) maps to (2, B, m, n, t) hidden states, each at the place of its cell."""
    inputs, b = by_diagonal(maps, front), maps.shape[0]
    d, t = inputs.shape[0], weights.left.shape[2]
    hidden = inputs.new_empty(d, t, inputs.shape[2])
    longest = max(one.stop - one.start for one in front.diagonals) * b
    scratch = inputs.new_empty(d, 4 * t, longest)
    now, before = inputs.new_empty(d, t, longest), inputs.new_empty(d, t, longest)
    first_before = 0
    bias = weights.bias[:, :, None]
    for one in front.diagonals:
        first, count = one.start * b, (one.stop - one.start) * b
        gates, cells = scratch[:, :, :count], now[:, :, :count]
        torch.baddbmm(bias, weights.input, inputs[:, :, first : first + count], out=gates)
        if one.num_left:
            to, source = kept(one, b)
            own = slice(to.start - first, to.stop - first)
            gates[:, :, own].baddbmm_(weights.left, hidden[:, :, source])
        if one.num_above:
            to, source = below(one, b)
            gates[:, :, to.start - first : to.stop - first].baddbmm_(
                weights.above, hidden[:, :, source]
            )
        gates[:, : 3 * t].sigmoid_()
        gates[:, 3 * t :].tanh_()
        torch.mul(gates[:, t : 2 * t], gates[:, 3 * t :], out=cells)
        if one.num_left:
            to, source = kept(one, b)
            own = slice(to.start - first, to.stop - first)
            earlier = before[:, :, source.start - first_before : source.stop - first_before]
            cells[:, :, own].addcmul_(gates[:, 2 * t : 3 * t, own], earlier)
        squashed = torch.tanh(cells, out=gates[:, t : 2 * t])
        torch.mul(gates[:, :t], squashed, out=hidden[:, :, first : first + count])
        now, before, first_before = before, now, first
    return on_the_map(hidden, front, maps.shape[:3])
