"""The recurrence of the diagonal LSTM, forward and backward, both directions in one product (equations 8 and 9).

z[i, j] = Wx x[i, j] + b + Wl h[i, j - 1] + Wu h[i - 1, j];  o, i, f = sigmoid, g = tanh;
c[i, j] = f c[i, j - 1] + i g;  h[i, j] = o tanh(c[i, j]).

The cell state runs along the row only. The paper prints a sigmoid for all four gates; the content gate has a tanh, as
in PixelRNN, which it follows. Channels are rows of memory and positions its columns: what is done to a gate runs over
long rows, and everything of a diagonal is done while it is in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.attention_rnn.autocast import without_autocast
from models.attention_rnn.wavefront import Diagonal, Wavefront


class Weights(NamedTuple):
    """Of D directions; gates are o, i, f, g."""

    input: Tensor
    """(D, 4t, C) Wx."""
    bias: Tensor
    """(D, 4t) b."""
    left: Tensor
    """(D, 4t, t) Wl."""
    above: Tensor
    """(D, 4t, t) Wu."""


class States(NamedTuple):
    """What a forward pass leaves: D directions, N cells in diagonal order with the B maps side by side."""

    gates: Tensor
    """(D, 4t, N B)."""
    cells: Tensor
    """(D, t, N B) c."""
    squashed: Tensor
    """(D, t, N B) tanh(c)."""
    hidden: Tensor
    """(D, t, N B) h."""


class DiagonalRecurrence(torch.autograd.Function):
    """Cells of all maps of a diagonal at once. Second derivatives are not defined."""

    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor,
        left: Tensor,
        above: Tensor,
        front: Wavefront,
    ) -> Tensor:
        """(B, m, n, C) maps to (2, B, m, n, t) hidden states, each at the place of its cell."""
        weights = Weights(weight, bias, left, above)
        inputs, b = by_diagonal(maps, front), maps.shape[0]
        states = run(inputs, weights, front, b)
        ctx.save_for_backward(inputs, *weights, *states)
        ctx.front, ctx.sides = front, maps.shape[:3]
        return on_the_map(states.hidden, front, maps.shape[:3])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of inputs and weights; those of a weight are one product, at the end."""
        with without_autocast(grad_hidden.device):  # as the forward pass
            return (*_gradients(ctx, grad_hidden), None)


def _gradients(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor | None, ...]:
    inputs, *saved = ctx.saved_tensors
    weights, states, front = Weights(*saved[:4]), States(*saved[4:]), ctx.front
    b = ctx.sides[0]
    of_hidden = reordered(_by_column(grad_hidden).flatten(2), front.cells, b).flatten(2)
    grads = run_back(of_hidden, weights, states, front, b)  # (D, 4t, N B)
    grad_maps = None
    if ctx.needs_input_grad[0]:
        both = torch.bmm(weights.input.mT, grads)  # (D, C, N B)
        grad_maps = on_the_map(both, front, ctx.sides).sum(dim=0)
    return (
        grad_maps,
        torch.bmm(grads, inputs.mT),
        grads.sum(dim=2),
        torch.bmm(grads, _neighbours(states.hidden, front.left, b).mT),
        torch.bmm(grads, _neighbours(states.hidden, front.above, b).mT),
    )


def run(inputs: Tensor, weights: Weights, front: Wavefront, b: int) -> States:
    """The forward pass over (D, C, N B) inputs of b maps."""
    d, t = inputs.shape[0], weights.left.shape[2]
    gates = torch.baddbmm(weights.bias[:, :, None], weights.input, inputs)
    cells, squashed, hidden = (gates.new_empty(d, t, gates.shape[2]) for _ in range(3))
    states = States(gates, cells, squashed, hidden)
    for one in front.diagonals:
        if one.num_left:
            _add_product(gates, weights.left, hidden, kept(one, b))
        if one.num_above:
            _add_product(gates, weights.above, hidden, below(one, b))
        _advance(states, one, b)
    return states


def _advance(states: States, one: Diagonal, b: int) -> None:
    """From sums to gates, cells and hidden states of one diagonal."""
    t = states.cells.shape[1]
    here = slice(one.start * b, one.stop * b)
    gates, cells, squashed = (
        states.gates[:, :, here],
        states.cells[:, :, here],
        states.squashed[:, :, here],
    )
    gates[:, : 3 * t].sigmoid_()
    gates[:, 3 * t :].tanh_()
    torch.mul(gates[:, t : 2 * t], gates[:, 3 * t :], out=cells)
    if one.num_left:
        own, before = kept(one, b)
        forget = states.gates[:, 2 * t : 3 * t, own]
        states.cells[:, :, own].addcmul_(forget, states.cells[:, :, before])
    torch.tanh(cells, out=squashed)
    torch.mul(gates[:, :t], squashed, out=states.hidden[:, :, here])


def run_back(
    grad_hidden: Tensor, weights: Weights, states: States, front: Wavefront, b: int
) -> Tensor:
    """(D, 4t, N B) gradients of the sums z; (D, t, N B) `grad_hidden` is written to."""
    grads = torch.empty_like(states.gates)
    of_cells = torch.zeros_like(grad_hidden)
    left, above = weights.left.mT.contiguous(), weights.above.mT.contiguous()
    for one in reversed(front.diagonals):
        _retreat(grads, grad_hidden, of_cells, states, one, b)
        if one.num_left:
            own, before = kept(one, b)
            _add_product(grad_hidden, left, grads, (before, own))
        if one.num_above:
            own, over = below(one, b)
            _add_product(grad_hidden, above, grads, (over, own))
    return grads


def _retreat(
    grads: Tensor, of_hidden: Tensor, of_cells: Tensor, states: States, one: Diagonal, b: int
) -> None:
    """From gradients of hidden states and cells of one diagonal to those of its sums, and of the cells before it."""
    t = of_hidden.shape[1]
    here, forget = slice(one.start * b, one.stop * b), slice(2 * t, 3 * t)
    gates, grad, squashed = states.gates[..., here], grads[..., here], states.squashed[..., here]
    hidden, cells = of_hidden[..., here], of_cells[..., here]
    torch.mul(hidden, squashed, out=grad[:, :t])
    cells.add_(torch.ops.aten.tanh_backward(hidden * gates[:, :t], squashed))
    torch.mul(cells, gates[:, 3 * t :], out=grad[:, t : 2 * t])
    torch.mul(cells, gates[:, t : 2 * t], out=grad[:, 3 * t :])
    if one.num_left:
        own, before = kept(one, b)
        torch.mul(of_cells[..., own], states.cells[..., before], out=grads[:, forget, own])
        torch.mul(of_cells[..., own], states.gates[:, forget, own], out=of_cells[..., before])
    if one.num_left < one.stop - one.start:  # the cell of the first column forgets nothing
        grads[:, forget, (one.stop - 1) * b : one.stop * b].zero_()
    torch.ops.aten.sigmoid_backward.grad_input(
        grad[:, : 3 * t], gates[:, : 3 * t], grad_input=grad[:, : 3 * t]
    )
    torch.ops.aten.tanh_backward.grad_input(
        grad[:, 3 * t :], gates[:, 3 * t :], grad_input=grad[:, 3 * t :]
    )


def kept(one: Diagonal, b: int) -> tuple[slice, slice]:
    """The columns of the cells with a left neighbour, and of those neighbours."""
    return _columns(one.left_start, one.left_from, one.num_left, b)


def below(one: Diagonal, b: int) -> tuple[slice, slice]:
    """The columns of the cells with a neighbour above, and of those neighbours."""
    return _columns(one.above_start, one.above_from, one.num_above, b)


def _columns(to: int, source: int, count: int, b: int) -> tuple[slice, slice]:
    return slice(to * b, (to + count) * b), slice(source * b, (source + count) * b)


def _add_product(into: Tensor, weight: Tensor, values: Tensor, to: tuple[slice, slice]) -> None:
    """Add a weight times some columns of `values` to other columns of `into`."""
    target, source = to
    into[..., target].baddbmm_(weight, values[..., source])


def by_diagonal(maps: Tensor, front: Wavefront) -> Tensor:
    """(B, m, n, C) to (D, C, N B), cells in diagonal order of each direction."""
    columns = _by_column(maps)  # (C, N, B)
    return torch.stack([columns.index_select(1, order) for order in front.cells]).flatten(2)


def on_the_map(values: Tensor, front: Wavefront, sides: Sequence[int]) -> Tensor:
    """(D, t, N B) in diagonal order to (D, B, m, n, t), a view."""
    b, m, n = sides
    placed = reordered(values, front.stored, b)  # (D, t, N, B)
    return placed.view(*placed.shape[:2], m, n, b).permute(0, 4, 2, 3, 1)


def _by_column(values: Tensor) -> Tensor:
    """(..., B, m, n, t) to (..., t, N, B)."""
    return values.flatten(-3, -2).transpose(-1, -3).contiguous()


def reordered(values: Tensor, orders: tuple[Tensor, Tensor], b: int) -> Tensor:
    """(D, t, N B) to (D, t, N, B), the cells of each direction in its own order."""
    split = values.view(*values.shape[:2], -1, b)
    return torch.stack(
        [one.index_select(1, order) for one, order in zip(split, orders, strict=True)]
    )


def _neighbours(values: Tensor, source: Tensor, b: int) -> Tensor:
    """(D, t, N B) values of the neighbours, 0 where there is none."""
    count = len(source)
    split = values.view(*values.shape[:2], count, b)
    found = split.index_select(2, source.clamp(max=count - 1))
    return found.index_fill_(2, torch.nonzero(source == count)[:, 0], 0).flatten(2)
