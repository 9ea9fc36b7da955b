"""DRAM takes its glimpses where it says, and its classes forget the context."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.dram.build import build_dram
from models.dram.network import STD
from models.errors import ModelError
from tests.models.dram.memory_fovea import MemoryFovea
from tests.models.dram.tiny import SIDES, lines, tiny


class TestNetwork:
    def test_looks_where_it_says(self) -> None:
        """First at the centre, for the context; then at the means, in the window they allow."""
        network, (images, _) = tiny().eval(), lines(5)
        fovea = MemoryFovea(images.numpy(), SIDES)
        with torch.no_grad():
            answer = network(fovea, 3)

        assert torch.equal(fovea.seen[0], torch.zeros(5, 2))
        assert torch.equal(torch.stack(fovea.seen[1:], dim=1), answer.locations)
        assert torch.equal(answer.locations, answer.means)
        assert answer.means.abs().max() <= 1 - 12 / 36

    def test_locations_are_drawn_in_training(self) -> None:
        """Around their means with a standard deviation of 0.1, and never out of the image."""
        network = tiny()
        images = torch.zeros(4000, 1, 36, 36)
        answer = network(MemoryFovea(images.numpy(), SIDES), 1)
        spread = (answer.locations - answer.means).std(dim=0)

        torch.testing.assert_close(spread, torch.full((1, 2), STD), atol=0.005, rtol=0)
        nn.init.constant_(network.emission.bias, 9.0)
        at_edge = network(MemoryFovea(images[:50].numpy(), SIDES), 1).locations
        assert at_edge.max() == 1 - torch.tensor(12 / 36)
        assert not at_edge.requires_grad

    @pytest.mark.parametrize("sees_around", [True, False])
    def test_the_context_is_seen_whole_and_glimpses_as_told(self, *, sees_around: bool) -> None:
        """The coarse window varies in the first look, and later only where the network sees around."""
        network, (images, _) = tiny(sees_around=sees_around), lines(3)
        network(MemoryFovea(images.numpy(), SIDES), 2)
        coarse = [stack[:, 3].flatten(1).std(dim=1) for stack in network.glimpse_network.stacks]  # type: ignore[union-attr]  # parts of a Module are untyped

        assert coarse[0].min() > 0
        assert (coarse[2].max() > 1e-6) == sees_around

    def test_the_context_is_forgotten_by_the_classes(self) -> None:
        """With an emission that always says the centre, the coarse view of an image cannot change the answer."""
        network, (images, _) = tiny().eval(), lines(1)
        nn.init.zeros_(network.emission.weight)
        nn.init.zeros_(network.emission.bias)
        other = images.clone()
        other[:, :, :12] = (
            0  # outside the finest window at the centre; the mean of the coarse one is kept
        )
        other[0, 0, 0, 0] = images.sum() - other.sum()
        with torch.no_grad():
            one, same = (network(MemoryFovea(i.numpy(), SIDES), 2).logits for i in (images, other))

        torch.testing.assert_close(one, same)

    def test_any_bands_and_classes(self) -> None:
        """The small one with four bands, seven classes and windows of 30 px."""
        network = build_dram("small", num_classes=7, num_bands=4).eval()
        images = np.random.default_rng(0).random((2, 4, 90, 120), np.float32)

        assert network(MemoryFovea(images, (30, 60, 90)), 2).logits.shape == (2, 7)

    def test_no_glimpse_is_refused(self) -> None:
        """The message says how many are wanted."""
        with pytest.raises(ModelError, match="0 glimpses; give 1 or more"):
            tiny()(MemoryFovea(np.zeros((1, 1, 36, 36), np.float32), SIDES), 0)
