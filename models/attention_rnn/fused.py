"""The recurrence in one launch per pass, on GPUs: chosen by itself where it works, never required."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.attention_rnn.autocast import without_autocast
from models.attention_rnn.recurrence import DiagonalRecurrence, Weights
from models.attention_rnn.wavefront import wavefront

CHANNELS, MAX_ROWS = 16, 128
"""t and m for which a program's registers suffice (with 32 channels the forward pass spills 10 kB of them)."""
_MAX_VALUES = 2**31
"""Gates that the kernels can count."""
_MAPS, _ROWS, _COLS = 2, 5, 7
"""Of the trial."""
_TOLERANCE = 0.01
"""Between the two ways: the ordinary one may round its factors to 10 bits (TF32), a kernel that errs is far off."""


class FusedRecurrence(torch.autograd.Function):
    """As `DiagonalRecurrence`, in float32. Second derivatives are not defined."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, left: Tensor, above: Tensor, m: int
    ) -> Tensor:
        """(C, N, B) maps of m rows, positions row by row, to (2, t, N, B) hidden states."""
        from models.attention_rnn.kernels import forward_kernel

        weights = Weights(weight, bias, left, above)
        c, _, b = maps.shape
        inputs = _by_direction(maps.view(c, m, -1, b))  # (2, B, m, n, C)
        n, t = inputs.shape[3], left.shape[2]
        gates = (inputs.flatten(1, 3) @ weight.mT + bias[:, None]).view(2, b, m, n, 4 * t)
        cells, hidden = (gates.new_empty(2, b, m, n, t) for _ in range(2))
        into = [_by_gate(one).mT.contiguous() for one in (left, above)]
        with _current(maps):
            forward_kernel[(2 * b,)](
                gates, cells, hidden, *into, b, m, n, T=t, ROWS=_lanes(m), num_warps=num_warps(m)
            )
        ctx.save_for_backward(inputs, *weights, gates, cells, hidden)
        return _joined(hidden)

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
            of_hidden = _split(grad_hidden, m)
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
                None,
            )


def is_fused(maps: Tensor, left: Tensor, m: int) -> bool:
    """Whether maps of m rows are computed so: on a GPU where the kernels were tried and found right."""
    is_meant = left.shape[2] == CHANNELS and m <= MAX_ROWS and maps.dtype == torch.float32
    fits = is_meant and 2 * 4 * CHANNELS * maps[0].numel() < _MAX_VALUES
    return maps.is_cuda and fits and _works_on(maps.device)


@lru_cache(maxsize=16)
def _works_on(device: torch.device) -> bool:
    """Try a small map both ways, once per process: a kernel that fails or errs is told of and left alone."""
    try:
        worst = difference(device)
    except Exception as error:  # noqa: BLE001  # compilers of kernels raise whatever they like
        why = f"{type(error).__name__}: {error}"
    else:
        if worst <= _TOLERANCE:
            return True
        why = f"it differs by {worst:.2g}"
    warnings.warn(
        f"AttentionRNN goes diagonal by diagonal on {device}, the fused kernel cannot be used: {why}",
        stacklevel=2,
    )
    return False


def difference(device: torch.device) -> float:
    """The largest difference between the two ways on a small map, as a share of the largest value beside it."""
    b, t, m = _MAPS, CHANNELS, _ROWS
    front, draw = wavefront(m, _COLS, device), torch.Generator().manual_seed(0)
    # The first map of a process may come in inference mode, which knows no gradients.
    with torch.inference_mode(mode=False), torch.enable_grad():
        shapes = ((t, m * _COLS, b), (2, 4 * t, t), (2, 4 * t), (2, 4 * t, t), (2, 4 * t, t))
        given = [
            (torch.randn(shape, generator=draw) / 4).to(device).requires_grad_() for shape in shapes
        ]
        of_states = torch.randn(2, t, m * _COLS, b, generator=draw).to(device)
        ways = [
            [states.detach(), *torch.autograd.grad((states * of_states).sum(), given)]
            for states in (
                DiagonalRecurrence.apply(*given, front),
                FusedRecurrence.apply(*given, m),
            )
        ]
    pairs = zip(*ways, strict=True)
    return max(float((one - other).abs().max() / one.abs().max()) for one, other in pairs)


def _current(values: Tensor) -> AbstractContextManager[Any]:
    """Kernels start on the current GPU, which need not be the one that holds the values."""
    return torch.cuda.device(values.device) if values.is_cuda else nullcontext()


def _by_direction(maps: Tensor) -> Tensor:
    """(C, m, n, B) to (2, B, m, n, C), columns reversed in the second."""
    first = maps.permute(3, 1, 2, 0)
    return torch.stack([first, first.flip(2)])


def _joined(hidden: Tensor) -> Tensor:
    """(2, B, m, n, t), columns of the second reversed, to (2, t, N, B) as the map has them."""
    both = torch.stack([hidden[0], hidden[1].flip(2)])
    return both.permute(0, 4, 2, 3, 1).flatten(2, 3)


def _split(states: Tensor, m: int) -> Tensor:
    """The inverse of `_joined`."""
    d, t, _, b = states.shape
    both = states.reshape(d, t, m, -1, b).permute(0, 4, 2, 3, 1)  # (2, B, m, n, t)
    return torch.stack([both[0], both[1].flip(2)])


def _by_gate(weight: Tensor) -> Tensor:
    """(D, 4t, t) to (D, 4, t, t)."""
    return weight.view(weight.shape[0], 4, -1, weight.shape[2])


def _product(grads: Tensor, values: Tensor) -> Tensor:
    """(D, ..., 4t) and (D, ..., C) of the same places to a weight's (D, 4t, C)."""
    return grads.flatten(1, 3).mT @ values.flatten(1, 3)


def _of_maps(grads: Tensor, weight: Tensor) -> Tensor:
    """(D, B, m, n, 4t) and (D, 4t, C) to (C, N, B)."""
    d, b, m, n, _ = grads.shape
    both = (grads.flatten(1, 3) @ weight).view(d, b, m, n, -1)
    return (both[0] + both[1].flip(2)).permute(3, 1, 2, 0).flatten(1, 2)


def _lanes(m: int) -> int:
    """Rows of a program: a power of two that the products take."""
    return max(16, 1 << (m - 1).bit_length())


def num_warps(m: int) -> int:
    """One for every 16 lanes."""
    return max(1, min(8, _lanes(m) // 16))
