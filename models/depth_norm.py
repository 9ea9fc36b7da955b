"""Batch normalisation with statistics of their own for every depth of the walk.

A coarse look is dim and blurred, a native one is bright and mostly empty: one set of statistics fits neither.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DepthNorm(nn.Module):
    """Normalises maps channel by channel, among the windows of the same depth.

    Args:
        num_channels: C.
        num_depths: D; deeper windows use the last statistics.
        momentum: share of a new batch in the running statistics.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_channels: int, *, num_depths: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_depths, num_channels))
        self.bias = nn.Parameter(torch.zeros(num_depths, num_channels))
        self.register_buffer("running_mean", torch.zeros(num_depths, num_channels))
        self.register_buffer("running_var", torch.ones(num_depths, num_channels))
        self._momentum = momentum
        self._epsilon = 1e-5

    def forward(self, maps: Tensor, depths: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) int64 below D to (B, C, H, W); in training, all of one depth."""
        return (
            self._learn(maps, int(depths[0])) if self.training else self._apply_known(maps, depths)
        )

    def _apply_known(self, maps: Tensor, depths: Tensor) -> Tensor:
        # By gather: a window's answer must not depend on the others of its batch.
        scale = self.weight * (self.running_var + self._epsilon).rsqrt()  # (D, C)
        shift = self.bias - self.running_mean * scale
        return maps * scale[depths][:, :, None, None] + shift[depths][:, :, None, None]

    def _learn(self, maps: Tensor, depth: int) -> Tensor:
        return F.batch_norm(
            maps,
            self.running_mean[depth],
            self.running_var[depth],
            self.weight[depth],
            self.bias[depth],
            training=True,
            momentum=self._momentum,
            eps=self._epsilon,
        )
