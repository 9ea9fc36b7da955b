"""DRAM: counts of TNet's table 1, glimpses where the network says, and a reward that moves them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.catalogue import HARD_ATTENTION
from models.counts import multiplications_of
from models.dram.build import build_dram
from models.dram.glimpse import coordinates, reach_of, veiled
from models.dram.learning import dram_loss, dram_penalty
from models.dram.lstm import LstmCell, LstmState
from models.dram.network import STD, Dram, DramAnswer
from models.dram.spacing import window_sides
from models.errors import ModelError
from models.hard_attention import _EmptyFovea, dram_cost
from tests.models.dram.memory_fovea import MemoryFovea

SIDES = (12, 36)


class TinyGlimpseNetwork(nn.Module):
    """Two convolutions over stacks of two 12 px windows of one band."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(6, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(32 * 9, 64), nn.ReLU()),
        )
        self.stacks: list[Tensor] = []

    def forward(self, stacks: Tensor, *, is_context: bool) -> Tensor:
        """(B, 6, 12, 12) to (B, 64)."""
        del is_context
        self.stacks.append(stacks.detach())
        found: Tensor = self.layers(stacks)
        return found


def tiny(*, sees_around: bool = False, seed: int = 0) -> Dram:
    """Two classes."""
    torch.manual_seed(seed)
    return Dram(TinyGlimpseNetwork(), 64, 2, hidden=64, sees_around=sees_around, input_mean=0.0)


def lines(count: int) -> tuple[Tensor, Tensor]:
    """(B, 1, 36, 36) black but for one square of 9 px with rows or columns of light; and which.

    Means over 3 x 3 px, which is what the coarse window shows, are the same for both: only a look from near can tell.
    """
    labels = torch.randint(2, (count,))
    images = torch.zeros(count, 1, 36, 36)
    line = (torch.arange(9) % 3 == 0).float()
    for image, label in zip(images, labels.tolist(), strict=True):
        top, left = (3 * torch.randint(10, (2,))).tolist()
        image[0, top : top + 9, left : left + 9] = line if label else line[:, None]
    return images, labels


class TestCounts:
    def test_parameters_are_those_of_the_paper(self) -> None:
        """45.61 million in TNet's table 1, part by part by hand: ResNet-50, two LSTMs, classes, locations."""
        found = HARD_ATTENTION["dram"].cost(1000).num_parameters
        resnet, before = 15 * 49 * 64 + 64, 64  # three windows of three bands and two coordinates
        for wide, count in ((256, 3), (512, 4), (1024, 6), (2048, 3)):
            narrow = wide // 4
            for _ in range(count):
                resnet += 4 * before + before * narrow + 4 * narrow + 9 * narrow**2 + 4 * narrow
                resnet += narrow * wide + wide
                resnet += before * wide + wide if before != wide else 0
                before = wide
        resnet += 4 * 2048
        lstms = 4 * 1024 * (2048 + 1024 + 1) + 4 * 1024 * (1024 + 1024 + 1)
        ends = 1024 * 1000 + 1000 + 1024 * 2 + 2

        assert found == resnet + lstms + ends == 45_609_194
        assert round(found / 1e6, 2) == 45.61

    def test_multiplications_grow_as_in_the_paper(self) -> None:
        """Table 1's 1.86, 3.1, 5.58 and 13.03 billion are as 3 to 5 to 9 to 21: one look more than glimpses."""
        cost = HARD_ATTENTION["dram"].cost(1000)
        each = [cost.of_glimpses(n) / (n + 1) for n in (2, 4, 8, 20)]

        assert max(each) / min(each) < 1.001
        for printed, looks in ((1.86, 3), (3.1, 5), (5.58, 9), (13.03, 21)):
            assert printed / looks == pytest.approx(0.62, rel=1e-3)
        assert each[0] == pytest.approx(0.565e9, rel=1e-3)

    def test_glimpses_are_counted_as_they_are_taken(self) -> None:
        """What further glimpses are said to cost is what a pass with four of them takes."""
        with torch.device("meta"):
            network = build_dram("small", num_classes=5, num_bands=2).eval()
            fovea = _EmptyFovea(2, 48)
            found = multiplications_of(lambda: network(fovea, 4))

        cost = dram_cost("small", num_classes=5, num_bands=2, glimpse_px=48)
        assert cost.of_glimpses(4) == found


class TestSpacing:
    @pytest.mark.parametrize(
        ("side", "spacing", "expected"),
        [
            (224, "linear", (77, 150, 224)),
            (1536, "linear", (77, 806, 1536)),
            (1232, "geometric", (77, 308, 1232)),
            (60, "linear", (77, 77, 77)),
        ],
    )
    def test_sides(self, side: int, spacing: str, expected: tuple[int, ...]) -> None:
        """From the window's own side to the image's, in equal steps or equal ratios."""
        found = window_sides(side, glimpse_px=77, num_resolutions=3, spacing=spacing)  # type: ignore[arg-type]

        assert found == expected

    def test_no_window_is_refused(self) -> None:
        """The message says what was asked for."""
        with pytest.raises(ModelError, match="0 resolutions of 77 px"):
            window_sides(224, glimpse_px=77, num_resolutions=0)


class TestGlimpse:
    def test_coordinates_are_those_of_the_pixels(self) -> None:
        """Each equals the mean of the pixels' own coordinates in an image of 32 x 48 px; outside it is the edge's."""
        location = torch.tensor([[0.25, -0.5]])  # 20, 12 px
        extents = torch.tensor([[[8 / 32, 8 / 48], [16 / 32, 16 / 48], [1.0, 32 / 48]]])
        found = coordinates(location, extents, 8)
        for window, side in enumerate((8, 16)):
            rows = np.arange(20 - side // 2, 20 + side // 2).reshape(8, -1).mean(axis=1)
            cols = np.arange(12 - side // 2, 12 + side // 2).reshape(8, -1).mean(axis=1)
            y, x = (rows + 0.5) / 32 * 2 - 1, (cols + 0.5) / 48 * 2 - 1

            np.testing.assert_allclose(found[0, window, 0], np.tile(y[:, None], (1, 8)), atol=1e-6)
            np.testing.assert_allclose(found[0, window, 1], np.tile(x, (8, 1)), atol=1e-6)
        assert found[0, 2, 0, -1, 0] == 1  # 4 to 36 of 32 rows

    def test_veiled_leaves_the_finest(self) -> None:
        """The others become the mean of each of their channels."""
        windows = torch.rand(2, 3, 4, 5, 5)
        found = veiled(windows)

        assert torch.equal(found[:, 0], windows[:, 0])
        for window in (1, 2):
            for channel in range(4):
                mean = windows[1, window, channel].mean()
                torch.testing.assert_close(found[1, window, channel], mean.expand(5, 5))

    def test_reach_keeps_the_finest_window_inside(self) -> None:
        """77 of 224 px leave 1 - 77 / 224 on either side of the middle; a window larger than the image none."""
        extents = torch.tensor([[[77 / 224, 77 / 60], [1.0, 1.0]]])

        torch.testing.assert_close(reach_of(extents), torch.tensor([[1 - 77 / 224, 0.0]]))


class TestLstm:
    def test_is_pytorchs_cell_with_an_open_gate(self) -> None:
        """The same as nn.LSTMCell, to whose forget bias 1 was added."""
        torch.manual_seed(0)
        cell, other = LstmCell(3, 4), nn.LSTMCell(3, 4)
        order = [
            1,
            0,
            3,
            2,
        ]  # ours: input, forget, output, candidate; theirs: input, forget, candidate, output
        order = [0, 1, 3, 2]
        weight, bias = cell.gates.weight.view(4, 4, 7), cell.gates.bias.view(4, 4)
        with torch.no_grad():
            other.weight_ih.copy_(weight[order, :, :3].reshape(16, 3))
            other.weight_hh.copy_(weight[order, :, 3:].reshape(16, 4))
            other.bias_ih.copy_(bias[order].reshape(16))
            other.bias_hh.zero_()
            other.bias_hh[4:8] = 1
        values, state = torch.randn(5, 3), (torch.randn(5, 4), torch.randn(5, 4))
        found, expected = cell(values, LstmState(*state)), other(values, state)

        torch.testing.assert_close(found.hidden, expected[0])
        torch.testing.assert_close(found.cell, expected[1])


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
        coarse = [stack[:, 3].flatten(1).std(dim=1) for stack in network.glimpse_network.stacks]  # type: ignore[union-attr]

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
