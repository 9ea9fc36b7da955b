"""Depths have weights and statistics of their own, in whatever order their looks come."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.attention_rnn.location import RecurrentLocation
from models.depth_layers import DepthLinear
from models.depth_location import DepthLocation
from models.features import Features
from models.small import SmallFeatures

DEPTHS = torch.tensor([0, 1, 2, 2, 0, 1, 1, 2])
"""As in a step of training: walk after walk, each from its root down."""


def features() -> Features:
    """Of as many looks."""
    return Features(torch.rand(8, 4), torch.rand(8, 6, 7, 7), DEPTHS)


def locations() -> list[nn.Module]:
    """Those with weights for each depth."""
    return [
        RecurrentLocation(cell_channels=6, num_depths=3, hidden_channels=4),
        RecurrentLocation(cell_channels=6, num_depths=3, hidden_channels=4, gamma=2),
        DepthLocation(cell_channels=6, hidden_channels=5, num_depths=3),
    ]


class TestLocations:
    @pytest.mark.parametrize("which", range(3))
    def test_training_scores_as_classify_does(self, which: int) -> None:
        """Every look is scored by the weights of its own depth, when it learns as when it does not."""
        torch.manual_seed(0)
        module, seen = locations()[which], features()
        torch.testing.assert_close(module.train()(seen), module.eval()(seen))

    @pytest.mark.parametrize("which", range(3))
    def test_a_depth_learns_from_its_own_looks(self, which: int) -> None:
        """The gradient of a score reaches the weights of that look's depth and no others."""
        torch.manual_seed(0)
        module, seen = locations()[which].train(), features()
        module(seen)[3].sum().backward()  # of depth 2

        for name, weight in module.named_parameters():
            reached = _depths_of_gradient(name, weight)
            assert reached <= {2}, name
            assert reached or name.startswith(("attentions.0", "attentions.1"))


def _depths_of_gradient(name: str, weight: nn.Parameter) -> set[int]:
    if weight.grad is None:
        return set()
    if name.startswith("attentions."):  # a module per depth
        return {int(name.split(".")[1])} if weight.grad.abs().sum() > 0 else set()
    return {depth for depth, grad in enumerate(weight.grad) if grad.abs().sum() > 0}


class TestDepthLinear:
    def test_equals_a_loop(self) -> None:
        """Row by row, with the weights of its depth."""
        torch.manual_seed(0)
        layer, values = DepthLinear(5, 3, num_depths=3), torch.rand(8, 2, 5)
        wanted = torch.stack(
            [row @ layer.weight[d].T + layer.bias[d] for row, d in zip(values, DEPTHS, strict=True)]
        )

        torch.testing.assert_close(layer.train()(values, DEPTHS), wanted)
        torch.testing.assert_close(layer.eval()(values, DEPTHS), wanted)


class TestSmallFeatures:
    def test_statistics_are_those_of_a_depth(self) -> None:
        """In training a window is normalised among those of its depth: the others may be anything."""
        torch.manual_seed(0)
        module, images = SmallFeatures(num_bands=1, num_depths=3).train(), torch.rand(8, 1, 96, 96)
        together = module(images, DEPTHS)
        for depth in range(3):
            rows = torch.nonzero(depth == DEPTHS)[:, 0]
            alone = module(images[rows], DEPTHS[rows])
            _assert_same(together, alone, rows)

    def test_the_order_of_windows_does_not_matter(self) -> None:
        """Shuffled windows have shuffled answers."""
        torch.manual_seed(0)
        module, images = SmallFeatures(num_bands=1, num_depths=3).train(), torch.rand(8, 1, 96, 96)
        order = torch.tensor([6, 0, 3, 7, 1, 5, 2, 4])

        _assert_same(module(images, DEPTHS), module(images[order], DEPTHS[order]), order)


def _assert_same(all_of_them: Features, some: Features, rows: Tensor) -> None:
    torch.testing.assert_close(some.vectors, all_of_them.vectors[rows])
    torch.testing.assert_close(some.cells, all_of_them.cells[rows])
