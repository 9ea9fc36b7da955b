"""Saccader: counts of TNet's table 1, positions that are never picked twice, and losses as plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from models.catalogue.hard_attention import HARD_ATTENTION
from models.errors import ModelError
from models.saccader.bagnet import BagNetMaps
from models.saccader.build import build_saccader
from models.saccader.cell import SaccaderCell
from models.saccader.learning import (
    NUM_PRETRAINING_GLIMPSES,
    located,
    ordered_positions,
    pretraining_loss,
    representation_loss,
    saccader_loss,
)
from models.saccader.network import Represented, Saccader, logits_at


def tiny(num_classes: int = 5) -> Saccader:
    """On one convolution, a position per 4 px."""
    torch.manual_seed(0)
    return Saccader(nn.Conv2d(2, 16, 4, 4), 16, num_classes, narrow=6)


class TestCounts:
    def test_parameters_are_those_of_the_paper(self) -> None:
        """35.58 million in TNet's table 1, part by part by hand: BagNet-77, attention network, mixing, cell."""
        found = HARD_ATTENTION["saccader"].cost(1000).num_parameters
        blocks = [(64, 3, 64), (128, 4, 256), (256, 6, 512), (512, 3, 1024)]
        bagnet = 3 * 9 * 64 + 4 * 64  # each channel has four numbers of its normalisation
        for width, count, before in blocks:
            wide = 4 * width
            for number in range(count):
                channels = before if number == 0 else wide
                kernel = 9 if number < 2 else 1
                bagnet += channels * width + kernel * width**2 + width * wide + 4 * (6 * width)
                bagnet += (channels * wide + 4 * wide) if number == 0 else 0
        head = 2048 * 512 + 4 * 512 + 512 * 1000 + 1000
        attention = 2048 * 1024 + 9 * 1024**2 + 1024 * 512 + 9 * 512**2 + 4 * (2 * 1024 + 2 * 512)
        mixing, cell = 1024 * 512 + 512, 512

        assert found == bagnet + head + attention + mixing + cell == 35_583_400
        assert round(found / 1e6, 2) == 35.58

    @pytest.mark.parametrize(
        ("num_glimpses", "expected"), [(2, 19.50), (6, 19.50), (20, 19.51), (30, 19.51)]
    )
    def test_multiplications_are_those_of_the_paper(
        self, num_glimpses: int, expected: float
    ) -> None:
        """19.5 billion at 2 and 6 glimpses, 19.51 at 20 and 30: nearly the same, however many."""
        found = HARD_ATTENTION["saccader"].cost(1000).of_glimpses(num_glimpses)

        assert round(found / 1e9, 2) == expected

    def test_positions_see_77_px(self) -> None:
        """BagNet-77's map at 224 px is 19 x 19, and the pixels that move its centre span 77."""
        with torch.device("meta"):
            assert BagNetMaps(num_bands=3)(torch.empty(1, 3, 224, 224)).shape == (1, 2048, 19, 19)
        maps = BagNetMaps(num_bands=1, widths=(2, 2, 2, 2)).eval()
        for parameter in maps.parameters():  # positive, so that nothing cancels and no unit is off
            nn.init.constant_(parameter, 0.5)
        image = torch.rand(1, 1, 120, 120, requires_grad=True)
        found = maps(image)
        found[0, :, 2, 3].sum().backward()
        assert image.grad is not None
        rows = torch.nonzero(image.grad[0, 0].abs().sum(dim=1))[:, 0]

        assert maps.receptive_field_px == 77
        assert (int(rows[0]), int(rows[-1])) == (2 * 8, 2 * 8 + 76)

    def test_a_small_image_is_refused(self) -> None:
        """The message says what was found and what a position sees."""
        with pytest.raises(ModelError, match="60 x 90 px; a position sees 77 x 77"):
            BagNetMaps(num_bands=1)(torch.zeros(1, 1, 60, 90))


class TestCell:
    def test_equals_plain_loops(self) -> None:
        """Space, then channels, then space again, position by position."""
        torch.manual_seed(1)
        cell, mixed = SaccaderCell(3), torch.randn(1, 4, 3)
        visited = torch.tensor([[0.0, 1.0, 0.0, 0.0]])
        weight = cell.space.weight[0].detach()
        space = [
            -math.inf if index == 1 else float(weight @ mixed[0, index]) / 3**0.5
            for index in range(4)
        ]
        shares = [math.exp(one) / sum(map(math.exp, space)) for one in space]
        channels = [sum(shares[g] * float(mixed[0, g, c]) for g in range(4)) for c in range(3)]
        weights = [math.exp(one) / sum(map(math.exp, channels)) for one in channels]
        expected = [sum(weights[c] * float(mixed[0, g, c]) for c in range(3)) for g in range(4)]
        expected[1] -= 1e5

        torch.testing.assert_close(cell(mixed, visited), torch.tensor([expected]))


class TestSaccades:
    @pytest.mark.parametrize("training", [True, False])
    def test_no_position_is_picked_twice(self, *, training: bool) -> None:
        """As many glimpses as positions visit each of them once, drawn or not."""
        network = tiny().train(training)
        picks = network(torch.rand(8, 2, 12, 20), 15).saccades.picks

        assert torch.equal(picks.sort(dim=1).values, torch.arange(15).expand(8, -1))

    def test_more_glimpses_than_positions_are_refused(self) -> None:
        """The message says how many there are."""
        with pytest.raises(ModelError, match="16 glimpses on a map of 3 x 5 positions"):
            tiny()(torch.rand(1, 2, 12, 20), 16)

    def test_logits_are_the_mean_of_the_map_at_the_picks(self) -> None:
        """Read off the class maps one by one, the answer is their average."""
        network, images = tiny().eval(), torch.rand(3, 2, 12, 20)
        answer = network(images, 4)
        maps = network.represent(images).class_maps  # (3, 5, 3, 5)
        expected = torch.zeros(3, 5)
        for image in range(3):
            for pick in answer.saccades.picks[image].tolist():
                expected[image] += maps[image, :, pick // 5, pick % 5] / 4

        torch.testing.assert_close(answer.logits, expected)

    def test_training_draws_and_testing_does_not(self) -> None:
        """At test the best position of each step is picked; in training they come as often as their softmax says."""
        network = tiny()
        torch.manual_seed(0)
        positions = torch.randn(1, 16, 2, 3) * 3
        seen = Represented(positions, torch.randn(1, 6, 2, 3).relu(), torch.randn(1, 5, 2, 3))
        many = Represented(*(part.expand(5000, -1, -1, -1) for part in seen))
        network.attention.eval()
        best = network.eval().saccade(seen, 1)
        network.training = True
        drawn = network.saccade(many, 1)
        counts = torch.bincount(drawn.picks[:, 0], minlength=6) / 5000

        assert best.picks[0, 0] == best.location_logits[0, 0].argmax()
        torch.testing.assert_close(
            counts, best.location_logits[0, 0].softmax(dim=0), atol=0.02, rtol=0
        )

    def test_any_backbone_and_any_size(self) -> None:
        """The small one takes images of odd sides, any bands and classes; positions lie 12 px apart."""
        network = build_saccader("small", num_classes=7, num_bands=4).eval()
        answer = network(torch.rand(2, 4, 97, 131), 3)

        assert answer.logits.shape == (2, 7)
        assert answer.saccades.location_logits.shape == (2, 3, 8 * 10)

    def test_the_same_seed_gives_the_same_weights(self) -> None:
        """And another seed others; the global generator is left alone."""
        before = torch.random.get_rng_state()
        one, same, other = (build_saccader("small", num_classes=3, seed=s) for s in (1, 1, 2))

        assert torch.equal(one.mix.weight, same.mix.weight)
        assert not torch.equal(one.mix.weight, other.mix.weight)
        assert torch.equal(before, torch.random.get_rng_state())


class TestLearning:
    def test_positions_are_ordered_by_the_class_that_is_believed_in(self) -> None:
        """The class of the largest mean logit, its positions from the best down."""
        maps = torch.zeros(1, 2, 2, 2)
        maps[0, 0] = torch.tensor([[9.0, 0.0], [0.0, 0.0]])
        maps[0, 1] = torch.tensor([[2.0, 4.0], [1.0, 3.0]])  # mean 2.5 against 2.25

        assert ordered_positions(maps, 3).tolist() == [[1, 3, 0]]
        assert ordered_positions(maps, 9).tolist() == [[1, 3, 0, 2]]

    def test_pretraining_loss_equals_a_plain_loop(self) -> None:
        """Step by step: the cell's log-softmax at the next target, those before it masked."""
        network, images = (
            tiny().eval().requires_grad_(requires_grad=False),
            torch.rand(3, 2, 20, 24),
        )
        found = pretraining_loss(located(network, images))
        seen = network.represent(images)
        mixed = network.mix(torch.cat([network.attention(seen.features), seen.what], dim=1))
        positions = mixed.flatten(2).mT
        total, count = 0.0, 0
        for image in range(3):
            means = seen.class_maps[image].flatten(1).mean(dim=1)
            believed = seen.class_maps[image, int(means.argmax())].flatten()
            order = sorted(range(30), key=believed.neg().tolist().__getitem__)
            visited = torch.zeros(1, 30)
            for target in order[:NUM_PRETRAINING_GLIMPSES]:
                scores = network.cell(positions[image : image + 1], visited)[0]
                total -= float(scores[target] - scores.exp().sum().log())
                count += 1
                visited[0, target] = 1

        assert count == 36
        assert float(found) == pytest.approx(total / count, rel=1e-5)

    def test_pretraining_leaves_the_representation_alone(self) -> None:
        """Every location parameter has a gradient, no other has one."""
        network = tiny()
        pretraining_loss(located(network, torch.rand(2, 2, 20, 24))).backward()

        assert all(one.grad is not None for one in network.location.parameters())
        assert all(one.grad is None for one in network.representation.parameters())

    def test_parts_are_all_there_is(self) -> None:
        """Representation and location networks together hold every parameter, each once."""
        network = tiny()
        parts = [*network.representation.parameters(), *network.location.parameters()]

        assert {id(one) for one in parts} == {id(one) for one in network.parameters()}
        assert len(parts) == len(list(network.parameters()))

    def test_the_representation_learns_from_the_mean(self) -> None:
        """Cross-entropy of the mean of a map, by hand."""
        maps = torch.zeros(1, 2, 1, 2)
        maps[0, 1, 0, 1] = 2.0

        assert float(representation_loss(maps, torch.tensor([1]))) == pytest.approx(
            math.log(1 + math.exp(-1))
        )

    def test_it_finds_a_bright_mark_in_an_empty_canvas(self) -> None:
        """Four classes of marks somewhere on 72 px, three stages: three of four new ones right with one glimpse."""
        torch.manual_seed(0)
        network = build_saccader("small", num_classes=4, num_bands=1, input_mean=0.0)
        optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
        for step in range(150):
            images, labels = marks(16)
            network.train()
            if step < 70:
                loss = representation_loss(network.represent(images).class_maps, labels)
            elif step < 100:
                network.representation.eval()
                loss = pretraining_loss(located(network, images))
            else:
                loss = saccader_loss(network(images, 1), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        images, labels = marks(200)
        with torch.no_grad():
            found = network.eval()(images, 1).logits.argmax(dim=1)

        assert (found == labels).float().mean() > 0.75


def marks(count: int, side_px: int = 72) -> tuple[Tensor, Tensor]:
    """(B, 1, 72, 72) black but for one square of 16 px: rows, columns, a frame or a disc; and which."""
    labels = torch.randint(4, (count,))
    images = torch.zeros(count, 1, side_px, side_px)
    line = (torch.arange(16) % 8 < 4).float()
    frame = torch.zeros(16, 16)
    frame[:3] = frame[-3:] = 1
    frame[:, :3] = frame[:, -3:] = 1
    y, x = torch.meshgrid(torch.arange(16) - 7.5, torch.arange(16) - 7.5, indexing="ij")
    shapes = [line[:, None].expand(16, 16), line.expand(16, 16), frame, (y**2 + x**2 < 40).float()]
    for image, label in zip(images, labels.tolist(), strict=True):
        top, left = torch.randint(side_px - 16, (2,)).tolist()
        image[0, top : top + 16, left : left + 16] = shapes[label]
    return images, labels


def test_logits_at_takes_each_image_its_own() -> None:
    """Picks of one image say nothing of another."""
    maps = torch.arange(8.0).view(2, 1, 2, 2)

    assert logits_at(maps, torch.tensor([[0], [3]])).tolist() == [[0.0], [7.0]]
