"""What a network computes in: the `precision` of a model's config."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from actors.model_directory import Precision


def allow_tf32(precision: Precision) -> None:
    """Say once per process whether GPUs may round factors of products to 10 bits; torch lets convolutions do so."""
    is_allowed = precision != "float32"
    torch.backends.cuda.matmul.allow_tf32 = is_allowed
    torch.backends.cudnn.allow_tf32 = is_allowed


def use(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Within, networks compute so; weights and what is kept of looks stay float32.

    `float32` is the same everywhere, to rounding; `tf32` (`allow_tf32`) is float32 without a GPU that can; `bfloat16`
    computes layers in 8 bits of mantissa where torch deems it safe (autocast).
    """
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()
