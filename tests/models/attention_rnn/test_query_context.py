"""A question beside every position is the same as one that is taken apart."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.attention_rnn.query_context import context_of


def tiled(network: nn.Module, maps: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """The oracle: the query laid beside every position."""
    b, _, m, n = maps.shape
    beside = query[:, :, None, None].expand(b, query.shape[1], m, n)
    found: torch.Tensor = network(torch.cat([maps, beside], dim=1))
    return found


@pytest.mark.parametrize("side", [1, 3, 5])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 7), (2, 3), (3, 3), (4, 2), (6, 9), (5, 4)])
def test_it_is_the_tiled_convolution(side: int, m: int, n: int) -> None:
    """Values and all gradients are the tiled one's to 1e-12 in double precision, borders included."""
    torch.manual_seed(m * 10 + n)
    network = nn.Conv2d(5, 4, side, padding=side // 2).double()
    maps = torch.randn(2, 3, m, n, dtype=torch.double, requires_grad=True)
    query = torch.randn(2, 2, dtype=torch.double, requires_grad=True)
    given = [maps, query, *network.parameters()]

    found, wanted = context_of(network, maps, query), tiled(network, maps, query)
    into = torch.randn_like(wanted)

    assert torch.allclose(found, wanted, rtol=0, atol=1e-12)
    for one, other in zip(
        torch.autograd.grad((found * into).sum(), given),
        torch.autograd.grad((wanted * into).sum(), given),
        strict=True,
    ):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(5, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)),
        nn.Conv2d(5, 4, 3, padding=2, dilation=2),
        nn.Conv2d(5, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(5, 5, 3, padding=1, groups=5),
        nn.Conv2d(5, 4, (1, 3), padding=(0, 1)),
        nn.Conv2d(5, 4, 3, padding="same"),
    ],
)
def test_any_other_network_sees_the_tiled_query(network: nn.Module) -> None:
    """What is no ordinary convolution gets the query beside every position."""
    torch.manual_seed(0)
    maps, query = torch.randn(2, 3, 4, 6), torch.randn(2, 2)

    assert torch.equal(context_of(network, maps, query), tiled(network, maps, query))
