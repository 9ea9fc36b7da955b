"""Where two paths leave one map, their gradients come together: summed, as calculus has it, or averaged.

The authors' Torch code averages at every merge, which the paper does not say: the global vector gets the mean over the
levels, and each local map half of what the trunk and its attention give. `sum` is the gradient of the loss.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

GradientMerge: TypeAlias = Literal["sum", "mean"]


class _Scaled(torch.autograd.Function):
    """Itself forward; backward the gradient times a number."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


def forked(values: Tensor, num_paths: int, merge: GradientMerge) -> Tensor:
    """The values, for `num_paths` uses of them; their gradients are merged on the way back."""
    if merge == "sum" or num_paths == 1 or not torch.is_grad_enabled():
        return values
    scaled: Tensor = _Scaled.apply(values, 1 / num_paths)
    return scaled
