"""CBAM, and ResNet18 with it, have the published sizes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.cbam import CBAM, RecurrentGate, SpatialGate
from models.resnet_cifar import ResNet18Cifar


def with_3x3(channels: int) -> nn.Module:
    """CBAM with the small kernel of AttentionRNN's comparison."""
    return CBAM(channels, spatial=SpatialGate(3))


def size(model: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


class TestCounts:
    @pytest.mark.parametrize(
        ("classes", "attention", "wanted"),
        [
            (100, None, 11_220_132),
            (10, None, 11_173_962),
            (100, CBAM, 11_310_012),
            (100, with_3x3, 11_309_372),
        ],
    )
    def test_parameters_to_the_unit(
        self, classes: int, attention: Callable[[int], nn.Module] | None, wanted: int
    ) -> None:
        """The counts of the authors' networks."""
        assert size(ResNet18Cifar(classes, attention=attention)) == wanted


class TestGates:
    def test_a_new_spatial_gate_is_one_half(self) -> None:
        """Its normalisation starts at weight 0, so it begins with 0.5 everywhere."""
        maps = torch.randn(2, 32, 5, 5)

        assert torch.allclose(SpatialGate()(maps), maps / 2)

    @pytest.mark.parametrize("source", ["full", "pool"])
    @pytest.mark.parametrize("gamma", [1, 2])
    def test_a_recurrent_gate_scales_positions(self, source: str, gamma: int) -> None:
        """All channels of a position get one factor between 0 and 1."""
        gate = RecurrentGate(32, source=source, hidden_channels=4, gamma=gamma)  # type: ignore[arg-type]  # a source by name
        maps = torch.rand(2, 32, 5, 7) + 1

        factors = gate(maps) / maps

        assert torch.allclose(factors, factors[:, :1].expand_as(factors))
        assert ((factors > 0) & (factors < 1)).all()
