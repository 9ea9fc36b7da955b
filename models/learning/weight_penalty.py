"""Regularisation that does not grow with the network: the mean square of its weights (Saccader's authors' code)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from models.depth_norm import DepthNorm

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, DepthNorm)


def mean_square_weight(model: nn.Module) -> Tensor:
    """The mean of all squared weights; biases and normalisations are left alone."""
    weights = list(penalised(model))
    total = torch.stack([weight.square().sum() for weight in weights]).sum()
    return total / sum(weight.numel() for weight in weights)


def penalised(model: nn.Module) -> Iterator[nn.Parameter]:
    """The weights that are kept small."""
    for module in model.modules():
        if isinstance(module, _NORMS):
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if not name.startswith("bias"):
                yield parameter
