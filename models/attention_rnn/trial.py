"""A fast way to compute the recurrence is tried once, beside the ordinary one, before anybody relies on it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from models.attention_rnn.recurrence import DiagonalRecurrence
from models.attention_rnn.wavefront import wavefront

_SHAPE = (2, 5, 7)
"""Maps, rows and columns of the trial."""
_TOLERANCE = 0.01
"""Between the two ways: the ordinary one may round its factors to 10 bits (TF32), a kernel that errs is far off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A fast way."""

    name: str
    """For people."""
    channels: int
    """t of the trial."""
    states: Callable[..., Tensor]
    """(B, m, n, C) maps, Wx, b, Wl and Wu to (2, B, m, n, t) hidden states, with gradients."""


@lru_cache(maxsize=16)
def works(way: Way, device: torch.device) -> bool:
    """Try a small map both ways, once per process: a kernel that fails or errs is told of and left alone."""
    try:
        worst = difference(way, device)
    except Exception as error:  # noqa: BLE001  # compilers of kernels raise whatever they like
        why = f"{type(error).__name__}: {error}"
    else:
        if worst <= _TOLERANCE:
            return True
        why = f"it differs by {worst:.2g}"
    warnings.warn(
        f"AttentionRNN goes diagonal by diagonal on {device}, the {way.name} cannot be used: {why}",
        stacklevel=2,
    )
    return False


def difference(way: Way, device: torch.device) -> float:
    """The largest difference between the two ways on a small map, as a share of the largest value beside it."""
    b, m, n, t = *_SHAPE, way.channels
    front, draw = wavefront(m, n, device), torch.Generator().manual_seed(0)
    # The first map of a process may come in inference mode, which knows no gradients.
    with torch.inference_mode(mode=False), torch.enable_grad():
        shapes = ((b, m, n, t), (2, 4 * t, t), (2, 4 * t), (2, 4 * t, t), (2, 4 * t, t))
        given = [
            (torch.randn(shape, generator=draw) / 4).to(device).requires_grad_() for shape in shapes
        ]
        of_states = torch.randn(2, b, m, n, t, generator=draw).to(device)
        ways = [
            [states.detach(), *torch.autograd.grad((states * of_states).sum(), given)]
            for states in (DiagonalRecurrence.apply(*given, front), way.states(*given))
        ]
    pairs = zip(*ways, strict=True)
    return max(float((one - other).abs().max() / one.abs().max()) for one, other in pairs)
