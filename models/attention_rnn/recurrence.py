"""The recurrence of the diagonal LSTM, forward and backward, both directions in one product (equations 8 and 9).

z[i, j] = p[i, j] + h[i, j - 1] Wl + h[i - 1, j] Wu;  o, i, f = sigmoid, g = tanh;
c[i, j] = f c[i, j - 1] + i g;  h[i, j] = o tanh(c[i, j]).

The cell state runs along the row only. The paper prints a sigmoid for all four gates; the content gate has a tanh, as
in PixelRNN, which it follows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.attention_rnn.wavefront import Wavefront


class DiagonalRecurrence(torch.autograd.Function):
    """Cells of all maps of a diagonal at once. Second derivatives are not defined.

    Shapes: D directions, N cells in diagonal order, B maps, t hidden channels; gates are o, i, f, g.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, projected: Tensor, left: Tensor, above: Tensor, front: Wavefront
    ) -> Tensor:
        """(D, N, B, 4t) projections, twice (D, t, 4t) weights -> (D, N, B, t) hidden states."""
        gates = projected.clone()
        hidden = projected.new_empty((*projected.shape[:3], left.shape[1]))
        cells, squashed = torch.empty_like(hidden), torch.empty_like(hidden)
        _run(gates, hidden, cells, squashed, left, above, front)
        ctx.save_for_backward(gates, hidden, cells, squashed, left, above)
        ctx.front = front
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        """Gradients of projections and of both weights; those are one product each, at the end."""
        gates, hidden, cells, squashed, left, above = ctx.saved_tensors
        front: Wavefront = ctx.front
        through_state, through_cell = _slopes(gates, cells, squashed, front)
        grads = _run_back(grad_hidden, gates, through_state, through_cell, left, above, front)
        return (
            grads,
            _weight_gradient(hidden, front.left, grads),
            _weight_gradient(hidden, front.above, grads),
            None,
        )


def _run(
    gates: Tensor,
    hidden: Tensor,
    cells: Tensor,
    squashed: Tensor,
    left: Tensor,
    above: Tensor,
    front: Wavefront,
) -> None:
    """Turn projections into gates, in place, and fill the other buffers."""
    t, b = hidden.shape[3], hidden.shape[2]
    flat_gates, flat_hidden = gates.flatten(1, 2), hidden.flatten(1, 2)  # (D, N B, 4t), (D, N B, t)
    for one in front.diagonals:
        here = slice(one.start, one.stop)
        if one.num_left:
            _add_product(flat_gates, flat_hidden, left, one.left_start, one.left_from, one.num_left, b)
        if one.num_above:
            _add_product(
                flat_gates, flat_hidden, above, one.above_start, one.above_from, one.num_above, b
            )
        gate = gates[:, here]
        gate[..., : 3 * t].sigmoid_()
        gate[..., 3 * t :].tanh_()
        cell = cells[:, here]
        torch.mul(gate[..., t : 2 * t], gate[..., 3 * t :], out=cell)
        if one.num_left:
            kept = slice(one.left_start, one.left_stop)
            before = slice(one.left_from, one.left_from + one.num_left)
            cells[:, kept].addcmul_(gates[:, kept, :, 2 * t : 3 * t], cells[:, before])
        torch.tanh(cell, out=squashed[:, here])
        torch.mul(gate[..., :t], squashed[:, here], out=hidden[:, here])


def _add_product(
    gates: Tensor, hidden: Tensor, weight: Tensor, to: int, source: int, count: int, b: int
) -> None:
    into = gates[:, to * b : (to + count) * b]
    into.baddbmm_(hidden[:, source * b : (source + count) * b], weight)


def _slopes(
    gates: Tensor, cells: Tensor, squashed: Tensor, front: Wavefront
) -> tuple[Tensor, Tensor]:
    """What a change of h does to z of o and to c, (D, N, B, 2, t); what one of c does to z of i, f, g, (D, N, B, 3, t)."""
    o, i, f, g = gates.chunk(4, dim=3)
    before = _shifted(cells, front.left)
    of_output = squashed * o * (1 - o)
    of_state = o * (1 - squashed * squashed)
    of_cell = torch.stack([g * i * (1 - i), before * f * (1 - f), i * (1 - g * g)], dim=3)
    return torch.stack([of_output, of_state], dim=3), of_cell


def _run_back(
    grad_hidden: Tensor,
    gates: Tensor,
    through_state: Tensor,
    through_cell: Tensor,
    left: Tensor,
    above: Tensor,
    front: Wavefront,
) -> Tensor:
    """(D, N, B, 4t) gradients of the projections."""
    d, n, b, t = grad_hidden.shape
    grads = torch.empty_like(gates)
    split = grads.view(d, n, b, 4, t)
    forget = gates[..., 2 * t : 3 * t]
    states = grad_hidden.clone()
    cells = torch.zeros_like(states)
    flat_grads, flat_states = grads.flatten(1, 2), states.flatten(1, 2)
    left_back, above_back = left.mT, above.mT
    for one in reversed(front.diagonals):
        here = slice(one.start, one.stop)
        state, cell = states[:, here], cells[:, here]
        torch.mul(state, through_state[:, here, :, 0], out=split[:, here, :, 0])
        cell.addcmul_(state, through_state[:, here, :, 1])
        torch.mul(cell[:, :, :, None], through_cell[:, here], out=split[:, here, :, 1:])
        if one.num_left:
            kept = slice(one.left_start, one.left_stop)
            before = slice(one.left_from, one.left_from + one.num_left)
            torch.mul(cells[:, kept], forget[:, kept], out=cells[:, before])
            _add_product(
                flat_states, flat_grads, left_back, one.left_from, one.left_start, one.num_left, b
            )
        if one.num_above:
            _add_product(
                flat_states, flat_grads, above_back, one.above_from, one.above_start, one.num_above, b
            )
    return grads


def _shifted(values: Tensor, source: Tensor) -> Tensor:
    """(D, N, B, t) values of the neighbours, 0 where there is none."""
    nothing = values.new_zeros((values.shape[0], 1, *values.shape[2:]))
    return torch.cat([values, nothing], dim=1).index_select(1, source)


def _weight_gradient(hidden: Tensor, source: Tensor, grads: Tensor) -> Tensor:
    """(D, t, 4t)."""
    seen = _shifted(hidden, source).flatten(1, 2)  # (D, N B, t)
    return torch.bmm(seen.mT, grads.flatten(1, 2))
