"""The recurrence in one launch per pass, on GPUs: chosen by itself where it works, never required."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.attention_rnn.autocast import without_autocast
from models.attention_rnn.recurrence import Weights
from models.attention_rnn.trial import Way, works

CHANNELS, MAX_ROWS = 16, 128
"""t and m for which a program's registers suffice (with 32 channels the forward pass spills 10 kB of them)."""
_MAX_VALUES = 2**31
"""Gates that the kernels can count."""


class FusedRecurrence(torch.autograd.Function):
    """As `DiagonalRecurrence`, in float32. Second derivatives are not defined."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, left: Tensor, above: Tensor
    ) -> Tensor:
        """(B, m, n, C) maps to (2, B, m, n, t) hidden states, each at the place of its cell."""
        from models.attention_rnn.kernels import forward_kernel

        weights = Weights(weight, bias, left, above)
        (b, m, n, _), t = maps.shape, left.shape[2]
        inputs = torch.stack([maps, maps.flip(2)])  # (2, B, m, n, C)
        gates = (inputs.flatten(1, 3) @ weight.mT + bias[:, None]).view(2, b, m, n, 4 * t)
        cells, hidden = (gates.new_empty(2, b, m, n, t) for _ in range(2))
        into = [_by_gate(one).mT.contiguous() for one in (left, above)]
        with _current(maps):
            forward_kernel[(2 * b,)](
                gates, cells, hidden, *into, b, m, n, T=t, ROWS=_lanes(m), num_warps=num_warps(m)
            )
        ctx.save_for_backward(inputs, *weights, gates, cells, hidden)
        return _mirrored(hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of inputs and weights; those of a weight are one product, at the end."""
        from models.attention_rnn.kernels import backward_kernel

        inputs, *saved = ctx.saved_tensors
        weights, (gates, cells, hidden) = Weights(*saved[:4]), saved[4:]
        _, b, m, n, t = hidden.shape
        with without_autocast(grad_hidden.device), _current(gates):
            grads = torch.empty_like(gates)
            of_hidden = _mirrored(grad_hidden)
            back = [_by_gate(one).contiguous() for one in (weights.left, weights.above)]
            backward_kernel[(2 * b,)](
                *(grads, of_hidden, gates, cells, *back, b, m, n),
                T=t,
                ROWS=_lanes(m),
                num_warps=num_warps(m),
            )
            return (
                _of_maps(grads, weights.input) if ctx.needs_input_grad[0] else None,
                _product(grads, inputs),
                grads.sum(dim=(1, 2, 3)),
                _product(grads[:, :, :, 1:], hidden[:, :, :, :-1]),
                _product(grads[:, :, 1:], hidden[:, :, :-1]),
            )


def is_fused(maps: Tensor, left: Tensor) -> bool:
    """Whether (B, m, n, C) maps are computed so: on a GPU where the kernels were tried and found right."""
    is_small = left.shape[2] == CHANNELS and maps.shape[1] <= MAX_ROWS
    is_meant = is_small and maps.dtype == torch.float32
    fits = is_meant and 2 * 4 * CHANNELS * maps[..., 0].numel() < _MAX_VALUES
    return maps.is_cuda and fits and works(FUSED, maps.device)


def _current(values: Tensor) -> AbstractContextManager[Any]:
    """Kernels start on the current GPU, which need not be the one that holds the values."""
    return torch.cuda.device(values.device) if values.is_cuda else nullcontext()


def _mirrored(states: Tensor) -> Tensor:
    """(2, B, m, n, t) with the columns of the second turned around, contiguous."""
    return torch.stack([states[0], states[1].flip(2)])


def _by_gate(weight: Tensor) -> Tensor:
    """(D, 4t, t) to (D, 4, t, t)."""
    return weight.view(weight.shape[0], 4, -1, weight.shape[2])


def _product(grads: Tensor, values: Tensor) -> Tensor:
    """(D, ..., 4t) and (D, ..., C) of the same places to a weight's (D, 4t, C)."""
    return grads.flatten(1, 3).mT @ values.flatten(1, 3)


def _of_maps(grads: Tensor, weight: Tensor) -> Tensor:
    """(D, B, m, n, 4t) and (D, 4t, C) to (B, m, n, C)."""
    both = (grads.flatten(1, 3) @ weight).view(*grads.shape[:4], -1)
    return both[0] + both[1].flip(2)


def _lanes(m: int) -> int:
    """Rows of a program: a power of two that the products take."""
    return max(16, 1 << (m - 1).bit_length())


def num_warps(m: int) -> int:
    """One for every 16 lanes."""
    return max(1, min(8, _lanes(m) // 16))


FUSED = Way(name="fused kernel", channels=CHANNELS, states=FusedRecurrence.apply)
