"""From a name to a network: seeds, starting weights, the paper's drop rates."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision.models.efficientnet import MBConv

from models.architecture import ARCHITECTURES, architecture_named
from models.build import assemble, build_model
from models.location import Coordinates
from models.tnet import TNet


class TestGlobalGenerator:
    @pytest.mark.parametrize("name", ARCHITECTURES)
    @pytest.mark.parametrize("make", [build_model, assemble])
    def test_is_left_alone(self, name: str, make: Callable[..., TNet]) -> None:
        """Who draws random numbers gets the same ones whether or not a network was made in between."""
        before = torch.random.get_rng_state()
        make(name, num_classes=3)

        assert torch.equal(torch.random.get_rng_state(), before)

    @pytest.mark.parametrize("name", ["tnet_small", "tnet_fmow"])
    def test_does_not_reach_the_weights(self, name: str) -> None:
        """Every weight follows from the seed, whatever the global generator's state."""
        states = []
        for state in (1, 2):
            torch.manual_seed(state)
            states.append(build_model(name, num_classes=3, seed=7).state_dict())

        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


class TestStartingWeights:
    @pytest.mark.parametrize("name", ARCHITECTURES)
    def test_biases_are_zero(self, name: str) -> None:
        """No convolution and no linear layer starts with a bias."""
        layers = [
            layer
            for layer in build_model(name, num_classes=3).modules()
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None
        ]

        assert layers
        assert all(not layer.bias.any() for layer in layers if layer.bias is not None)

    @pytest.mark.parametrize("name", ["tnet_imagenet", "tnet_fmow"])
    def test_coordinates_start_as_themselves(self, name: str) -> None:
        """The appended channels are row and column in [-1, 1] before anything is learned."""
        model = build_model(name, num_classes=3)
        [coordinates] = [part for part in model.modules() if isinstance(part, Coordinates)]
        appended = coordinates(torch.zeros(1, 0, 3, 3))
        line = torch.tensor([-1.0, 0.0, 1.0])

        assert torch.equal(appended[0, 0], line[:, None].expand(3, 3))
        assert torch.equal(appended[0, 1], line[None, :].expand(3, 3))

    def test_imagenet_is_glorot_normal(self) -> None:
        """Standard deviation sqrt(2 / (fan in + fan out)) in BagNet-77 (appendix B.2)."""
        weight = build_model("bagnet77", num_classes=3).feature_extraction.blocks[8].spread.weight
        expected = math.sqrt(2 / (9 * 256 + 9 * 256))

        assert weight.std().item() == pytest.approx(expected, rel=0.01)

    def test_fmow_convolutions_scale_with_their_fan_out(self) -> None:
        """Standard deviation sqrt(2 / fan out), cut at two of the normal's; a depthwise kernel has fan out k * k."""
        convolutions = [
            layer
            for layer in build_model("efficientnet_b0", num_classes=3).modules()
            if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 5000
        ]
        assert any(layer.groups > 1 for layer in convolutions)
        for layer in convolutions:
            fan_out = layer.out_channels // layer.groups * math.prod(layer.kernel_size)
            expected = math.sqrt(2 / fan_out)

            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
            assert layer.weight.abs().max().item() <= 2 * expected / 0.8796

    def test_fmow_dense_layers_are_uniform(self) -> None:
        """Within sqrt(1 / fan out): variance scaling by one third."""
        weight = build_model("efficientnet_b0", num_classes=62).aggregation.classification[1].weight
        bound = math.sqrt(1 / 62)

        assert weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.01)


class TestDropRates:
    @pytest.mark.parametrize(("name", "rate"), [("tnet_imagenet", 0.5), ("bagnet77", 0.625)])
    def test_imagenet(self, name: str, rate: float) -> None:
        """Whole channels are dropped with the complement of the paper's keep probability (section 5.1)."""
        dropout = assemble(name, num_classes=3).feature_extraction.dropout

        assert isinstance(dropout, nn.Dropout2d)
        assert dropout.p == rate

    @pytest.mark.parametrize(
        ("name", "dropout", "deepest"), [("tnet_fmow", 0.5, 0.3), ("efficientnet_b0", 0.75, 0.5)]
    )
    def test_fmow(self, name: str, dropout: float, deepest: float) -> None:
        """Dropout before the classification; stochastic depth grows linearly over 16 blocks (appendix B.3)."""
        model = assemble(name, num_classes=3)
        depths = [part.stochastic_depth.p for part in model.modules() if isinstance(part, MBConv)]

        assert model.aggregation.classification[0].p == dropout
        assert depths == pytest.approx([deepest * block / 16 for block in range(1, 17)])

    @pytest.mark.parametrize("name", ["tnet_imagenet", "tnet_fmow"])
    def test_do_not_touch_a_prediction(self, name: str) -> None:
        """In evaluation mode the same window has the same answer."""
        model = build_model(name, num_classes=3).eval()
        base = architecture_named(name).base_px
        images, positions = torch.rand(1, 3, base, base), torch.zeros(1, 3, dtype=torch.int64)
        with torch.inference_mode():
            one = model.aggregation.keep(model.look(images, positions).features, positions)
            two = model.aggregation.keep(model.look(images, positions).features, positions)

        assert torch.equal(one, two)
