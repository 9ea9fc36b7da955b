"""Layers whose weights belong to the depth of a look: a blurred speck and a digit need other filters.

In training each depth is one ordinary call. Otherwise the weights of every window are gathered, so that the work has
one shape and an answer does not depend on the others of its batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rows_by_depth(depths: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Each depth that is there, from the first on, with its rows (N,), of depths (B,) in any order."""
    for depth in torch.unique(depths).tolist():
        yield depth, torch.nonzero(depths == depth)[:, 0]


def in_order(parts: Sequence[Tensor], rows: Sequence[Tensor]) -> Tensor:
    """What was made of some rows at a time, (N, ...) each, as (B, ...) in the order of the batch."""
    return torch.cat(list(parts))[torch.cat(list(rows)).argsort()]


def depth_by_depth(depths: Tensor, work: Callable[[int, Tensor], Tensor]) -> Tensor:
    """What `work` makes of each depth and its rows, as (B, ...) in the order of the batch.

    Args:
        depths: (B,) int64, in any order.
        work: a depth and (N,) rows to (N, ...).
    """
    found, rows = zip(*rows_by_depth(depths), strict=True)
    return in_order([work(depth, own) for depth, own in zip(found, rows, strict=True)], rows)


class DepthConv2d(nn.Module):
    """A 3 x 3 convolution of its own for every depth; it repeats the border, which invents no edge there.

    Args:
        in_channels: C.
        out_channels: C'.
        num_depths: D.
    """

    def __init__(self, in_channels: int, out_channels: int, *, num_depths: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_depths * out_channels, in_channels, 3, 3))
        self._num_depths = num_depths
        self.fill()

    def fill(self) -> None:
        """Draw weights, with the variance of the convolutions beside it."""
        for weight in self._by_depth().data:
            nn.init.kaiming_normal_(weight, mode="fan_out")

    def _by_depth(self) -> Tensor:
        return self.weight.view(self._num_depths, -1, *self.weight.shape[1:])  # (D, C', C, 3, 3)

    def forward(self, maps: Tensor, depths: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) depths to (B, C', H, W); in training, all of one depth."""
        weights = self._by_depth()
        padded = F.pad(maps, (1, 1, 1, 1), mode="replicate")
        if self.training:
            return F.conv2d(padded, weights[int(depths[0])])
        b, c, h, w = padded.shape
        weight = weights[depths].flatten(0, 1)  # (B C', C, 3, 3)
        side_by_side = padded.reshape(1, b * c, h, w)
        return F.conv2d(side_by_side, weight, groups=b).reshape(b, -1, h - 2, w - 2)


class DepthLinear(nn.Module):
    """A linear layer of its own for every depth.

    Args:
        in_features: D.
        out_features: D'.
        num_depths: depths with weights of their own.
    """

    def __init__(self, in_features: int, out_features: int, *, num_depths: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_depths, out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(num_depths, out_features))
        self.fill()

    def fill(self) -> None:
        """Draw weights; biases start at 0."""
        bound = math.sqrt(1 / self.weight.shape[2])
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)

    def forward(self, values: Tensor, depths: Tensor) -> Tensor:
        """(B, N, D) and (B,) depths, in any order, to (B, N, D')."""
        if self.training:
            return depth_by_depth(
                depths,
                lambda depth, rows: F.linear(values[rows], self.weight[depth], self.bias[depth]),
            )
        return torch.bmm(values, self.weight[depths].mT) + self.bias[depths][:, None]
