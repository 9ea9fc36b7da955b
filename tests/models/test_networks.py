"""The networks' modules, against brute force and the facts of the authors' code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.architecture import ARCHITECTURES, architecture_named
from models.bagnet import BagNetFeatures, ConvBlock
from models.build import build_model
from models.cell_scores import UnitSoftmax
from models.errors import ModelError, UnknownModelError
from models.positional_encoding import positional_vectors
from models.same_padding import SameConv2d


class TestSameConv2d:
    @pytest.mark.parametrize("side", [7, 8, 14, 15])
    @pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (1, 2), (5, 1)])
    def test_pads_as_tensorflow_does(self, side: int, kernel: int, stride: int) -> None:
        """The output has ceil(side / stride) pixels, and each is the plain sum over its own window."""
        conv = SameConv2d(1, 1, kernel, stride, bias=False).double()
        image = torch.rand(1, 1, side, side, dtype=torch.float64)
        out_side = -(-side // stride)
        total = max(0, (out_side - 1) * stride + kernel - side)
        padded = np.pad(image[0, 0].numpy(), (total // 2, total - total // 2))
        weight = conv.weight[0, 0].detach().numpy()
        expected = np.array(
            [
                [
                    (padded[i * stride :, j * stride :][:kernel, :kernel] * weight).sum()
                    for j in range(out_side)
                ]
                for i in range(out_side)
            ]
        )

        np.testing.assert_allclose(conv(image)[0, 0].detach().numpy(), expected, atol=1e-12)


class TestBagNet:
    def test_sizes_are_the_papers(self) -> None:
        """Blocks of a 77 px window have the spatial sizes of table 4."""
        model = BagNetFeatures(num_bands=3, grid=5).eval()
        sizes = []
        for block in model.blocks:
            block.register_forward_hook(lambda _m, _i, out: sizes.append(out.shape[-1]))
        model(torch.zeros(1, 3, 77, 77), torch.zeros(1, dtype=torch.int64))

        assert sizes == [38] * 3 + [19] * 4 + [9] * 6 + [7] * 3

    def test_valid_blocks_keep_residuals_aligned(self) -> None:
        """The residual of a VALID block is cropped by a pixel per side, under the pixels of its convolution."""
        block = ConvBlock(4, 3, 4, 1, is_valid=True)
        nn.init.zeros_(block.expand.weight)
        nn.init.zeros_(block.expand.bias)
        maps = torch.rand(1, 4, 9, 9)

        torch.testing.assert_close(block(maps), maps[:, :, 1:-1, 1:-1])


class TestPositionalVectors:
    @pytest.mark.parametrize("num_channels", [512, 320, 48])
    def test_equal_a_plain_loop(self, num_channels: int) -> None:
        """floor(N / 6) frequencies, y before x before scale, sines before cosines, zeros at the end."""
        positions = [(0, 0, 0), (3, 1, 1), (8, 7, 2)]
        count = num_channels // 6
        expected = np.zeros((3, num_channels))
        for row, position in enumerate(positions):
            column = 0
            for value in position:
                for wave in (np.sin, np.cos):
                    for i in range(count):
                        expected[row, column] = wave(value * 100 ** (-i / (count - 1)))
                        column += 1
        found = positional_vectors(torch.tensor(positions), num_channels)

        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


class TestLocation:
    @pytest.mark.parametrize(
        ("name", "cells", "low", "high"),
        [("tnet_imagenet", 25, 0.0148, 0.1036), ("tnet_fmow", 9, 0.0415, 0.2653)],
    )
    def test_probabilities_are_bounded(
        self, name: str, cells: int, low: float, high: float
    ) -> None:
        """Logits of unit length bound every probability, and they sum to one."""
        model = build_model(name, num_classes=4).eval()
        base = architecture_named(name).base_px
        with torch.inference_mode():
            look = model.look(torch.rand(3, 3, base, base), torch.zeros(3, 3, dtype=torch.int64))
        probabilities = look.cell_log_probs.exp()

        assert probabilities.shape == (3, cells)
        torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(3))
        assert low <= probabilities.min() <= probabilities.max() <= high

    def test_the_bounds_are_reached(self) -> None:
        """A single large logit has the highest probability that there is."""
        logits = torch.zeros(1, 25)
        logits[0, 13] = 7.0
        probabilities = UnitSoftmax()(logits).exp()

        assert probabilities.argmax() == 13
        assert probabilities.max().item() == pytest.approx(np.e / (np.e + 24), abs=1e-6)

    def test_equal_logits_do_not_divide_by_zero(self) -> None:
        """All-zero logits are a uniform distribution."""
        torch.testing.assert_close(
            UnitSoftmax()(torch.zeros(2, 9)).exp(), torch.full((2, 9), 1 / 9)
        )

    @pytest.mark.parametrize("name", ["tnet_imagenet", "tnet_fmow", "tnet_small"])
    def test_no_gradient_reaches_the_features(self, name: str) -> None:
        """What the location module learns does not move the feature extraction."""
        model = build_model(name, num_classes=4)
        base = architecture_named(name).base_px
        look = model.look(torch.rand(2, 3, base, base), torch.zeros(2, 3, dtype=torch.int64))
        look.cell_log_probs[:, 0].sum().backward()

        assert all(p.grad is None for p in model.feature_extraction.parameters())
        assert model.location is not None
        assert all(p.grad is not None for p in model.location.parameters())


class TestAggregation:
    def test_every_prefix_is_the_softmax_of_the_mean_feature(self) -> None:
        """Keeping logits gives the same prediction after each look as averaging features first."""
        model = build_model("tnet_small", num_classes=5).eval().double()
        features = torch.randn(7, 64, dtype=torch.float64)
        with torch.inference_mode():
            found = model.aggregation.combine(
                model.aggregation.keep(features, torch.zeros(7, 3, dtype=torch.int64))
            )
            for count in range(1, 8):
                mean = features[:count].mean(dim=0)
                expected = model.aggregation.classification(mean).softmax(dim=0)

                torch.testing.assert_close(found[count - 1], expected, atol=1e-12, rtol=0)


class TestTNet:
    @pytest.mark.parametrize("name", ["tnet_imagenet", "tnet_fmow", "tnet_small"])
    def test_a_row_does_not_depend_on_its_batch(self, name: str) -> None:
        """In a batch of constant size a window's answer is the same to the last bit, wherever it stands."""
        model = build_model(name, num_classes=4).eval().to(memory_format=torch.channels_last)
        base = architecture_named(name).base_px
        images = torch.rand(4, 3, base, base).contiguous(memory_format=torch.channels_last)
        positions = torch.randint(0, 9, (4, 3))
        order = torch.tensor([2, 0, 3, 1])
        alone = torch.zeros_like(images)
        alone[1] = images[3]
        with torch.inference_mode():
            straight = model.look(images, positions)
            shuffled = model.look(
                images[order].contiguous(memory_format=torch.channels_last), positions[order]
            )
            single = model.look(alone, positions[[0, 3, 0, 0]])

        assert torch.equal(straight.features[order], shuffled.features)
        assert torch.equal(straight.cell_log_probs[order], shuffled.cell_log_probs)
        assert torch.equal(straight.features[3], single.features[1])

    @pytest.mark.parametrize("name", ARCHITECTURES)
    @pytest.mark.parametrize("num_bands", [1, 3, 8])
    def test_any_number_of_bands(self, name: str, num_bands: int) -> None:
        """Every network can be built for any number of bands, and says what it promises."""
        architecture = architecture_named(name)
        model = build_model(name, num_classes=4, num_bands=num_bands).eval()
        base = architecture.base_px
        with torch.inference_mode():
            positions = torch.zeros(1, 3, dtype=torch.int64)
            look = model.look(torch.rand(1, num_bands, base, base), positions)
            kept = model.aggregation.keep(look.features, positions)

        assert look.cell_log_probs.shape == (1, architecture.grid**2)
        assert model.aggregation.combine(kept).shape == (1, 4)


class TestBuildModel:
    def test_the_seed_is_the_model(self) -> None:
        """The same seed gives the same weights, another seed others."""
        one, same, other = (build_model("tnet_small", num_classes=3, seed=s) for s in (1, 1, 2))
        first = [model.feature_extraction.project.weight for model in (one, same, other)]

        assert torch.equal(first[0], first[1])
        assert not torch.equal(first[0], first[2])

    def test_unknown_names_are_told_the_nearest(self) -> None:
        """A name that is not known names the one that may be meant."""
        with pytest.raises(UnknownModelError, match="is 'tnet_fmow' meant"):
            build_model("tnet_fmov", num_classes=3)

    @pytest.mark.parametrize(("num_classes", "num_bands"), [(0, 3), (3, 0)])
    def test_impossible_sizes_are_refused(self, num_classes: int, num_bands: int) -> None:
        """A network without classes or bands cannot be built."""
        with pytest.raises(ModelError, match="at least 1"):
            build_model("tnet_small", num_classes=num_classes, num_bands=num_bands)
