"""Local context of a map and a question, without laying the question beside every position.

A query is the same everywhere, and so is what a convolution makes of it, but for positions so near a border that
zeros take part. There are no more kinds of positions than the convolution's side squared: they are computed once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def context_of(network: nn.Module, maps: Tensor, query: Tensor) -> Tensor:
    """What a context network makes of (B, C, m, n) maps and (B, Q) queries tiled beside them: (B, C', m, n)."""
    m, n = maps.shape[2:]
    if not isinstance(network, nn.Conv2d) or not _keeps_sides(network):
        return network(torch.cat([maps, _tiled(query, m, n)], dim=1))  # type: ignore[no-any-return]  # modules return anything
    c, side = maps.shape[1], network.kernel_size[0]
    small = _tiled(query, min(m, side), min(n, side))
    of_query = F.conv2d(small, network.weight[:, c:], padding=side // 2)  # one of each kind
    rows, cols = (_kind(count, side, maps.device) for count in (m, n))
    of_maps = F.conv2d(maps, network.weight[:, :c], network.bias, padding=side // 2)
    return of_maps + of_query[:, :, rows][:, :, :, cols]


def _keeps_sides(network: nn.Conv2d) -> bool:
    """Whether it is an ordinary convolution of odd side, with zeros around."""
    side = network.kernel_size[0]
    is_plain = network.stride == (1, 1) and network.dilation == (1, 1) and network.groups == 1
    is_square = network.kernel_size == (side, side) and side % 2 == 1
    is_zero = network.padding_mode == "zeros"
    return is_plain and is_square and is_zero and network.padding == (side // 2, side // 2)


def _tiled(query: Tensor, m: int, n: int) -> Tensor:
    return query[:, :, None, None].expand(-1, -1, m, n)  # (B, Q, m, n)


def _kind(count: int, side: int, device: torch.device) -> Tensor:
    """(count,) for each row the row of a map of `side` rows that is as far from the borders."""
    rows = torch.arange(count, device=device)
    near = rows.clamp(max=side // 2)
    return torch.maximum(near, rows - (count - min(count, side)))
