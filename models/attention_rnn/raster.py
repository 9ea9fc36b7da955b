"""The recurrence cell by cell, on processors: chosen by itself where Numba is installed, never required."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from models.attention_rnn.autocast import without_autocast
from models.attention_rnn.recurrence import Weights
from models.attention_rnn.trial import Way, works

if TYPE_CHECKING:
    from models.attention_rnn.raster_kernels import Kernels

MULTIPLE = 8
"""Channels come in eights: `UNROLLED` of the compiled loops, whose file cannot be asked without Numba."""


class RasterRecurrence(torch.autograd.Function):
    """As `DiagonalRecurrence`, in float32. Second derivatives are not defined."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, left: Tensor, above: Tensor
    ) -> Tensor:
        """(B, m, n, C) maps to (2, B, m, n, t) hidden states, each at the place of its cell."""
        inputs, rows = _filled_up(maps), _rows(Weights(weight, bias, left, above))
        given = inputs, rows, bias.contiguous()
        hidden = inputs.new_empty(2 * maps.shape[0], *maps.shape[1:3], left.shape[2])
        _shared(_kernels(inputs, hidden).forward, *given, hidden)
        ctx.save_for_backward(*given, hidden)
        ctx.num_channels = maps.shape[3]
        return hidden.view(2, -1, *hidden.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of inputs and weights."""
        inputs, rows, _, hidden = ctx.saved_tensors
        x, t, c = inputs.shape[3], hidden.shape[3], ctx.num_channels
        with without_autocast(grad_hidden.device):
            of_inputs = inputs.new_empty(len(hidden), *inputs.shape[1:])
            of_rows = inputs.new_zeros(len(hidden), *rows.shape[1:])
            of_bias = inputs.new_zeros(len(hidden), rows.shape[2])
            found = of_inputs, of_rows, of_bias
            of_hidden, back = grad_hidden.reshape(hidden.shape).contiguous(), rows.mT.contiguous()
            _shared(_kernels(inputs, hidden).backward, *ctx.saved_tensors, of_hidden, back, *found)
            of_maps = of_inputs.unflatten(0, (2, -1)).sum(dim=0)[..., :c]  # (B, m, n, C)
            of_weights = of_rows.unflatten(0, (2, -1)).sum(dim=1).mT  # (2, 4t, x + 2t)
            of_input, of_left, of_above = of_weights.split([x, t, t], dim=2)
            of_all = of_bias.unflatten(0, (2, -1)).sum(dim=1)  # (2, 4t)
        return of_maps, of_input[..., :c], of_all, of_left, of_above


def is_raster(maps: Tensor, left: Tensor) -> bool:
    """Whether (B, m, n, C) maps are computed so: on a processor where the loops were tried and found right.

    Not under torch.compile, which makes loops of its own of what is written in torch, and can look into no others.
    """
    if torch.compiler.is_compiling() or maps.device.type != "cpu":
        return False
    fits = maps.dtype == left.dtype == torch.float32 and left.shape[2] % MULTIPLE == 0
    return fits and maps.numel() > 0 and _is_installed() and works(RASTER, maps.device)


@lru_cache(maxsize=1)
def _is_installed() -> bool:
    return importlib.util.find_spec("numba") is not None


def _filled_up(maps: Tensor) -> Tensor:
    """(..., C) to (..., x), contiguous, channels filled up with zeros to a multiple of eight."""
    return F.pad(maps, (0, -maps.shape[-1] % MULTIPLE)).contiguous()


def _rows(weights: Weights) -> Tensor:
    """(2, x + 2 t, 4 t): what the input, the state on the left and the one above are multiplied with."""
    each = (_filled_up(weights.input), weights.left, weights.above)
    return torch.cat(each, dim=2).mT.contiguous()


def _kernels(inputs: Tensor, hidden: Tensor) -> Kernels:
    from models.attention_rnn.raster_kernels import kernels  # not above: Numba may be missing

    return kernels(hidden.shape[3], inputs.shape[3])


def _shared(kernel: Callable[..., None], *tensors: Tensor) -> None:
    """Let a kernel go over the D B maps of the fourth tensor, on as many threads as torch has."""
    arrays, count = [one.detach().numpy() for one in tensors], len(tensors[3])
    parts = min(torch.get_num_threads(), count)
    first, *rest = pairwise(count * part // parts for part in range(parts + 1))
    others = [_threads().submit(kernel, *arrays, *each) for each in rest]
    kernel(*arrays, *first)
    for one in others:
        one.result()


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    """Started when they are first wanted, and no more of them than were ever wanted at once."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="recurrence")


# Threads do not follow into a process that forks off: it has to start its own.
os.register_at_fork(after_in_child=_threads.cache_clear)

RASTER = Way(name="compiled loop", channels=2 * MULTIPLE, states=RasterRecurrence.apply)
