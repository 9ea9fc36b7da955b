"""A network made into machine code of its own, for this machine and one shape of batch, before the first image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from models.errors import ModelError

Answers: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""(B, C, base, base) windows and (B, 3) positions to what is kept of them."""


def compiled(answers: Answers, device: torch.device) -> Answers:
    """The same by torch.compile; the first call in a process takes a minute or two.

    On a CPU weights become part of the code (`freezing`), so they must not change any more. Threads that compute with
    as many processors as the one that called first find the code ready.
    """
    found: Answers = torch.compile(
        answers, dynamic=False, options={"freezing": device.type == "cpu"}
    )
    return found


def not_compiled(error: Exception) -> ModelError:
    """What to say when that first call failed."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ModelError(
        f"the network cannot be compiled on this machine: {lines[0]}. torch.compile needs a C++ compiler (on Debian "
        "and Ubuntu: apt install g++); install one, or leave --compile out"
    )
