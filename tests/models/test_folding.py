"""A network with its normalisation folded says what it said before."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.build import build_model
from models.folding import fold_norms


def unsettle(network: nn.Module) -> None:
    """Statistics and scales as training might leave them."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in (
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 2.0),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.3, 0.3),
            ):
                assert isinstance(values, Tensor)
                values.uniform_(low, high, generator=generator)


def norms_of(network: nn.Module) -> int:
    """Normalisations that are left."""
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


class TestFolding:
    def test_the_network_says_the_same(self) -> None:
        """EfficientNet-B0's 49 convolutions hold all its normalisations, and no answer moves beyond rounding."""
        network = build_model("tnet_fmow", num_classes=7).eval()
        unsettle(network)
        images, yxd = torch.rand(3, 3, 224, 224), torch.zeros(3, 3, dtype=torch.int64)
        with torch.inference_mode():
            before = network.look(images, yxd)
            count, left = fold_norms(network), norms_of(network)
            after = network.look(images, yxd)

        assert (count, left) == (49, 0)
        torch.testing.assert_close(after.features, before.features, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            after.cell_log_probs, before.cell_log_probs, rtol=1e-4, atol=1e-4
        )

    def test_what_may_not_follow_stays(self) -> None:
        """Neither a normalisation before its convolution, nor one that only stands beside it, is touched."""

        class Beside(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1), Beside()).eval()

        assert fold_norms(network) == 0
        assert norms_of(network) == 2

    def test_a_network_that_learns_is_refused(self) -> None:
        """Its statistics are still on the move."""
        with pytest.raises(ValueError, match=r"call eval\(\) first"):
            fold_norms(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))
