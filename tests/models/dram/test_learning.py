"""A reward moves where DRAM looks, and it learns what only a near look can tell."""

from __future__ import annotations

import torch
from torch import Tensor

from models.dram.learning import dram_loss, dram_penalty
from models.dram.network import STD, DramAnswer
from tests.models.dram.memory_fovea import MemoryFovea
from tests.models.dram.tiny import SIDES, lines, tiny


class TestLearning:
    def test_log_density_is_that_of_a_normal_distribution(self) -> None:
        """As torch.distributions says, summed over y and x."""
        answer = DramAnswer(torch.zeros(2, 3), torch.rand(2, 4, 2), torch.rand(2, 4, 2))
        normal = torch.distributions.Normal(answer.means, STD)

        torch.testing.assert_close(answer.log_probs, normal.log_prob(answer.locations).sum(dim=2))

    def test_reward_moves_means_by_hand(self) -> None:
        """One of two images right: means go towards what was drawn, or away, by 0.1 (R - 0.5) drawn / 0.01 / 4."""
        means = torch.zeros(2, 2, 2, requires_grad=True)
        drawn = torch.tensor([[[0.1, 0.0], [0.0, -0.2]], [[0.3, 0.0], [0.0, 0.1]]])
        logits = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
        dram_loss(DramAnswer(logits, drawn, means), torch.tensor([0, 1])).backward()
        sign = torch.tensor([0.5, -0.5])[:, None, None]

        torch.testing.assert_close(means.grad, -0.1 * sign * drawn / STD**2 / 4)

    def test_only_what_tells_classes_is_kept_small(self) -> None:
        """The penalty has no gradient for the location LSTM and the emission."""
        network = tiny()
        dram_penalty(network).backward()
        location = {*network.location.parameters(), *network.emission.parameters()}
        weights = {one for name, one in network.named_parameters() if name.endswith("weight")}

        assert all(one.grad is None for one in location)
        assert all(one.grad is not None for one in weights - location)

    def test_rewards_teach_it_to_look_at_a_mark(self) -> None:
        """Rewarded for a location near the mark and for nothing else, its means follow the mark after 150 steps."""
        network = tiny()
        optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
        for _ in range(150):
            images, _ = lines(64)
            answer = network.train()(MemoryFovea(images.numpy(), SIDES), 1)
            is_near = near(answer.locations, images).float()
            logits = torch.stack([1 - is_near, is_near], dim=1)
            target = torch.ones(64, dtype=torch.int64)
            loss = dram_loss(DramAnswer(logits, answer.locations, answer.means), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        images, _ = lines(400)
        with torch.no_grad():
            means = network.eval()(MemoryFovea(images.numpy(), SIDES), 1).means

        assert near(torch.zeros(400, 1, 2), images).float().mean() < 0.3
        assert near(means, images).float().mean() > 0.9

    def test_it_learns_classes_that_only_a_near_look_tells_apart(self) -> None:
        """Rows or columns somewhere on an empty canvas: well above a half after 150 steps."""
        network = tiny(seed=1)
        optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
        for _ in range(150):
            images, labels = lines(64)
            loss = dram_loss(network.train()(MemoryFovea(images.numpy(), SIDES), 2), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        images, labels = lines(400)
        with torch.no_grad():
            found = network.eval()(MemoryFovea(images.numpy(), SIDES), 2).logits.argmax(dim=1)

        assert (found == labels).float().mean() > 0.62


def near(locations: Tensor, images: Tensor) -> Tensor:
    """(B,) whether the last of (B, T, 2) locations lies within 0.4 (7 px) of the middle of the image's mark."""
    rows, cols = images[:, 0].sum(dim=2), images[:, 0].sum(dim=1)  # (B, 36) each
    places = (torch.arange(36) + 0.5) / 18 - 1
    y, x = ((sums * places).sum(dim=1) / sums.sum(dim=1) for sums in (rows, cols))
    return (locations[:, -1] - torch.stack([y, x], dim=1)).norm(dim=1) < 0.4
