"""Masks of AttentionRNN and of its block form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from models.attention_rnn.attention_rnn import AttentionRNN
from models.attention_rnn.block import BlockAttentionRNN
from models.attention_rnn.combination import Gaussian, IndependentCombination
from models.errors import ModelError


def maps(m: int = 5, n: int = 7, *, c: int = 4, b: int = 2) -> torch.Tensor:
    """(B, C, m, n), always the same."""
    return torch.randn(b, c, m, n, generator=torch.Generator().manual_seed(1))


class TestCombination:
    def test_independent_views_are_weighted_by_precision(self) -> None:
        """The product of two normal densities, up to its factor, is the combined one."""
        left = Gaussian(torch.tensor([0.3]), torch.tensor([0.5]))
        right = Gaussian(torch.tensor([-1.0]), torch.tensor([2.0]))
        both = IndependentCombination()(left, right)

        def log_density(at: float, one: Gaussian) -> float:
            return -((at - one.mean.item()) ** 2) / (2 * one.std.item() ** 2)

        offsets = [
            log_density(at, left) + log_density(at, right) - log_density(at, both)
            for at in (-2.0, 0.0, 0.7, 3.0)
        ]
        assert max(offsets) - min(offsets) < 1e-5


class TestAttentionRNN:
    @pytest.mark.parametrize("independent", [False, True])
    @pytest.mark.parametrize(("m", "n"), [(5, 7), (1, 1), (1, 6), (4, 1)])
    def test_one_value_per_position(self, m: int, n: int, independent: bool) -> None:
        """Any map gets a mean and a positive deviation for every position."""
        layer = AttentionRNN(4, hidden_channels=3, independent=independent)

        result = layer(maps(m, n))

        assert result.values.shape == result.mean.shape == result.std.shape == (2, 1, m, n)
        assert (result.std > 0).all()

    def test_samples_in_training_only(self) -> None:
        """ARNN~ draws around its mean with its deviation in training, and takes the mean afterwards."""
        torch.manual_seed(0)
        layer = AttentionRNN(4, hidden_channels=3, sampled=True)
        drawn = torch.stack([layer(maps()).values for _ in range(2000)])
        sure = layer.eval()(maps())

        assert torch.equal(sure.values, sure.mean)
        error = (drawn.mean(dim=0) - sure.mean) / sure.std
        assert error.abs().max() < 5 / math.sqrt(2000)
        assert torch.allclose(drawn.std(dim=0) / sure.std, torch.tensor(1.0), atol=0.12)

    def test_the_query_changes_the_mask(self) -> None:
        """Another query, another mask."""
        layer = AttentionRNN(4, hidden_channels=3, query_channels=2)

        one = layer(maps(), torch.zeros(2, 2)).values
        other = layer(maps(), torch.ones(2, 2)).values

        assert not torch.allclose(one, other)

    @pytest.mark.parametrize("query", [None, torch.zeros(2, 3)])
    def test_a_missing_or_wrong_query_is_refused(self, query: torch.Tensor | None) -> None:
        """The error says what was found and what was wanted."""
        layer = AttentionRNN(4, hidden_channels=3, query_channels=2)

        with pytest.raises(ModelError, match="wanted 2"):
            layer(maps(), query)

    def test_any_context_network(self) -> None:
        """A network of one's own takes the place of the convolution."""
        context = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 6, 1))
        layer = AttentionRNN(4, hidden_channels=3, context_channels=6, context=context)

        assert layer(maps()).values.shape == (2, 1, 5, 7)
        assert layer.recurrence.input.shape[2] == 6

    def test_it_learns_a_mask_without_rewards(self) -> None:
        """Where the mask weights the features, plain gradients teach it where the bright position is."""
        torch.manual_seed(0)
        layer = AttentionRNN(1, hidden_channels=8)
        optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
        rng = torch.Generator().manual_seed(2)

        def scene() -> tuple[torch.Tensor, torch.Tensor]:
            noise = torch.randn(16, 1, 6, 6, generator=rng) * 0.1
            spot = torch.randint(36, (16,), generator=rng)
            noise.flatten(1)[torch.arange(16), spot] += 2
            return noise, spot

        for _ in range(150):
            images, spot = scene()
            loss = nn.functional.cross_entropy(layer(images).values.flatten(1), spot)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        images, spot = scene()

        assert (layer(images).values.flatten(1).argmax(dim=1) == spot).float().mean() > 0.9


class TestBlock:
    @pytest.mark.parametrize("gamma", [1, 2, 3, 4])
    @pytest.mark.parametrize(("m", "n"), [(6, 6), (5, 7), (1, 2), (7, 4)])
    def test_any_side_is_padded_and_cropped(self, m: int, n: int, gamma: int) -> None:
        """Values have the shape of the map, their means that of the blocks."""
        layer = BlockAttentionRNN(4, gamma=gamma, inner=AttentionRNN(4, hidden_channels=3))

        result = layer(maps(m, n))

        assert result.values.shape == (2, 1, m, n)
        assert result.mean.shape == (2, 1, -(-m // gamma), -(-n // gamma))

    def test_it_is_the_attention_of_the_shrunk_map(self) -> None:
        """Shrinking, attending and spreading one after the other by hand give the same."""
        inner = AttentionRNN(4, hidden_channels=3)
        layer = BlockAttentionRNN(4, gamma=3, inner=inner)
        padded = torch.zeros(2, 4, 6, 9)
        padded[:, :, :5, :7] = maps()
        rows = [
            [
                torch.einsum(
                    "bchw,dchw->bd",
                    padded[:, :, 3 * i : 3 * i + 3, 3 * j : 3 * j + 3],
                    layer.shrink.weight,
                )
                + layer.shrink.bias
                for j in range(3)
            ]
            for i in range(2)
        ]
        blocks = torch.stack([torch.stack(row, dim=2) for row in rows], dim=2)  # (B, C, 2, 3)
        values = inner(blocks).values[:, 0].contiguous()
        wanted = torch.kron(values, layer.spread.weight[0, 0]) + layer.spread.bias

        assert torch.allclose(layer(maps()).values[:, 0], wanted[:, :5, :7], atol=1e-5)

    def test_a_gamma_of_0_is_refused(self) -> None:
        """There is no block of no side."""
        with pytest.raises(ModelError, match="gamma is 0"):
            BlockAttentionRNN(4, gamma=0, inner=AttentionRNN(4))
