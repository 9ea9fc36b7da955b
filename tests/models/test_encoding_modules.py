"""Positional encoding modules, against their formulas."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from models.positional_encoding import AddedEncoding, ConcatenatedEncoding, positional_vectors

POSITIONS = torch.tensor([[0, 0, 0], [4, 1, 1], [20, 7, 2]])


class TestPositionalVectors:
    def test_differ_by_axis_and_depth(self) -> None:
        """Row, column and depth are told apart, and every position of a deep walk has its own vector."""
        positions = torch.cartesian_prod(*[torch.arange(9)] * 2, torch.arange(4))
        vectors = positional_vectors(positions, 48)

        assert len(torch.unique(vectors, dim=0)) == len(positions)

    def test_channels_that_are_left_over_are_zero(self) -> None:
        """320 channels hold 6 x 53 waves; the last two stay zero."""
        vectors = positional_vectors(POSITIONS, 320)

        assert vectors.shape == (3, 320)
        assert not vectors[:, 318:].any()
        assert vectors[1:, :318].all(dim=1).tolist() == [True, True]


class TestConcatenatedEncoding:
    def test_is_one_linear_layer_without_activation(self) -> None:
        """Feature first, then its position, through one linear layer (table 4)."""
        module = ConcatenatedEncoding(num_features=512)
        vectors = torch.randn(3, 512)
        both = torch.cat([vectors, positional_vectors(POSITIONS, 512)], dim=1)

        torch.testing.assert_close(
            module(vectors, POSITIONS), both @ module.mix.weight.T + module.mix.bias
        )


class TestAddedEncoding:
    def test_adds_then_activates(self) -> None:
        """SiLU of the feature plus the projected position (table 5)."""
        module = AddedEncoding(num_features=1280, num_channels=320)
        vectors = torch.randn(3, 1280)
        where = positional_vectors(POSITIONS, 320) @ module.project.weight.T + module.project.bias

        torch.testing.assert_close(module(vectors, POSITIONS), F.silu(vectors + where))
