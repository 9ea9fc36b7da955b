"""UAN: choices that are hard and still learn, attention by the equations, and no layer computed in vain."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.catalogue.whole_image import WHOLE_IMAGE
from models.counts import multiplications_of
from models.errors import ModelError
from models.uan.conv_lstm import ConvLstmCell, MapState
from models.uan.layer_attention import LayerChoice
from models.uan.network import Uan, layer_frequencies
from models.uan.pose import Pose, pose_loss, pose_of, rotation_error_degrees
from models.uan.spatial_attention import SpatialAttention
from models.uan.trunk import CHANNELS, GoogLeNetTrunk


def always(network: Uan, number: int) -> Uan:
    """A network whose steps all look at one layer, by its bias."""
    torch.nn.init.zeros_(network.choice.score.weight)
    torch.nn.init.zeros_(network.choice.score.bias)
    network.choice.score.bias.data[number] = 5
    return network


class TestTrunk:
    def test_layers_have_the_papers_sizes(self) -> None:
        """At 224 px: 480 x 28 x 28, 512 x 14 x 14, 832 x 14 x 14, 1024 x 7 x 7."""
        with torch.device("meta"):
            maps = GoogLeNetTrunk(list(CHANNELS)).looked_at(torch.empty(1, 3, 224, 224))
            shapes = [tuple(maps.of(name).shape[1:]) for name in CHANNELS]

        assert shapes == [(480, 28, 28), (512, 14, 14), (832, 14, 14), (1024, 7, 7)]

    def test_a_layer_is_computed_once_and_no_deeper(self) -> None:
        """Asked for 4c, then 3b, then 4c again, the trunk ran once to 4c."""
        trunk = GoogLeNetTrunk(list(CHANNELS)).eval()
        ran = []
        for name, piece in trunk.pieces.items():
            piece.register_forward_hook(lambda *_, name=name: ran.append(name))
        maps = trunk.looked_at(torch.rand(1, 3, 64, 64))
        assert maps.deepest is None
        for name in ("4c", "3b", "4c"):
            maps.of(name)

        assert (ran, maps.deepest) == (["3b", "4c"], "4c")

    def test_unknown_layers_are_refused(self) -> None:
        """A layer that is not there is named, with those that are."""
        with pytest.raises(ModelError, match=r"\['6a'\].*3b, 4c, 4e, 5b"):
            GoogLeNetTrunk(["3b", "6a"])


class TestConvLstm:
    def test_of_one_position_is_pytorchs_cell(self) -> None:
        """On a map of 1 x 1 only the middle of the kernel counts: the same as nn.LSTMCell with those weights."""
        torch.manual_seed(0)
        cell, other = ConvLstmCell(3, 4), torch.nn.LSTMCell(3, 4)
        middle = cell.gates.weight[:, :, 1, 1]  # (16, 7): input, forget, output, candidate
        order = torch.cat([torch.arange(8), torch.arange(12, 16), torch.arange(8, 12)])
        assert cell.gates.bias is not None
        with torch.no_grad():
            other.weight_ih.copy_(middle[order, :3])
            other.weight_hh.copy_(middle[order, 3:])
            other.bias_ih.copy_(cell.gates.bias[order])
            other.bias_hh.zero_()
        maps, state = torch.randn(5, 3), (torch.randn(5, 4), torch.randn(5, 4))
        found = cell(maps[:, :, None, None], MapState(*(one[:, :, None, None] for one in state)))
        hidden, memory = other(maps, state)

        torch.testing.assert_close(found.hidden[:, :, 0, 0], hidden)
        torch.testing.assert_close(found.cell[:, :, 0, 0], memory)


class TestLayerChoice:
    def test_without_training_there_is_no_noise(self) -> None:
        """The same state gives the same layer, that of the largest score, a hundred times."""
        torch.manual_seed(0)
        choice, hidden = LayerChoice(6, 4).eval(), torch.randn(50, 6, 3, 3)
        expected = choice.score(hidden.mean(dim=(2, 3))).argmax(dim=1)

        for _ in range(100):
            found = choice(hidden)
            assert torch.equal(found.argmax(dim=1), expected)
            assert torch.equal(found.sum(dim=1), torch.ones(50))

    def test_in_training_layers_are_drawn_by_their_scores(self) -> None:
        """Drawn ten thousand times, layers come as often as the softmax of their scores says (equation 2)."""
        torch.manual_seed(0)
        choice = LayerChoice(6, 4)
        hidden = torch.randn(1, 6, 3, 3).expand(10_000, -1, -1, -1)
        expected = choice.score(hidden[:1].mean(dim=(2, 3))).softmax(dim=1)[0]

        torch.testing.assert_close(choice(hidden).mean(dim=0), expected, atol=0.02, rtol=0)

    def test_the_choice_learns(self) -> None:
        """Hard as it is, its scores have gradients."""
        choice = LayerChoice(6, 4)
        choice(torch.randn(8, 6, 3, 3))[:, 2].sum().backward()

        assert choice.score.weight.grad is not None
        assert choice.score.weight.grad.abs().sum() > 0


class TestSpatialAttention:
    def test_equals_the_equation(self) -> None:
        """Equation 1 position by position, on a state of the layer's own size."""
        torch.manual_seed(0)
        attention = SpatialAttention(5, 6, 4)
        maps, hidden = torch.randn(1, 5, 3, 3), torch.randn(1, 6, 3, 3)
        scores = torch.empty(3, 3)
        for row in range(3):
            for col in range(3):
                wanted = attention.from_state.weight[:, :, 0, 0] @ hidden[0, :, row, col]
                merged = F.relu(wanted + attention.from_state.bias + maps[0, :, row, col])
                inner = attention.hidden.weight[:, :, 0, 0] @ merged + attention.hidden.bias
                scores[row, col] = (
                    attention.score.weight[0, :, 0, 0] @ inner
                ) + attention.score.bias
        expected = scores.flatten().softmax(0).view(3, 3)

        torch.testing.assert_close(attention(maps, hidden).mask[0, 0], expected)


class TestNetwork:
    @pytest.mark.parametrize(("number", "deepest"), [(0, "3b"), (1, "4c"), (3, "5b")])
    def test_the_trunk_ends_at_the_deepest_choice(self, number: int, deepest: str) -> None:
        """Where all steps look at one layer nothing beyond it is computed; in training everything is."""
        network = always(Uan(5, num_steps=2), number).eval()
        with torch.no_grad():
            answer = network(torch.rand(2, 3, 64, 64))

        assert answer.deepest == deepest
        assert answer.choices.tolist() == [[number, number]] * 2
        assert network.train()(torch.rand(2, 3, 64, 64)).deepest == "5b"

    def test_an_image_does_not_hear_of_the_others(self) -> None:
        """Alone or beside images that look at other layers, its answer is the same."""
        torch.manual_seed(3)
        network = Uan(5, num_steps=3).eval()
        torch.nn.init.normal_(network.choice.score.weight, std=50)
        images = torch.rand(6, 3, 64, 64)
        with torch.no_grad():
            together = network(images)
            alone = [network(one[None]) for one in images]

        torch.testing.assert_close(together.outputs, torch.cat([one.outputs for one in alone]))
        assert torch.equal(together.choices, torch.cat([one.choices for one in alone]))
        for mask in together.masks:
            torch.testing.assert_close(mask.sum(dim=(1, 2, 3)), torch.ones(6))

    def test_frequencies(self) -> None:
        """Shares of the images, step by step."""
        choices = torch.tensor([[0, 3], [0, 1], [2, 1], [0, 1]])
        expected = torch.tensor([[0.75, 0, 0.25, 0], [0, 0.75, 0, 0.25]])

        torch.testing.assert_close(layer_frequencies(choices, 4), expected)

    def test_it_learns_classes(self) -> None:
        """Which of two textures an image has: all of 32 new ones after 25 steps."""
        torch.manual_seed(0)
        network = Uan(2, layers=("3b", "4c"), num_steps=2)
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
        for _ in range(25):
            images, labels = textures(16)
            loss = F.cross_entropy(network(images).outputs, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        images, labels = textures(32)
        # Statistics of a few steps are far from settled; those of the batch will do.
        with torch.no_grad():
            right = network(images).outputs.argmax(dim=1) == labels

        assert right.float().mean() > 0.9


class TestPose:
    def test_loss_by_hand(self) -> None:
        """Two metres off and a quaternion of another length: only the direction of that counts (equation 4)."""
        truth = Pose(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
        outputs = torch.tensor([[1.0, 2.0, 5.0, 3.0, 0.0, 4.0, 0.0]])
        distance = ((1 - 0.6) ** 2 + 0.8**2) ** 0.5

        torch.testing.assert_close(
            pose_loss(outputs, truth, beta=10), torch.tensor(2 + 10 * distance)
        )

    def test_rotation_error(self) -> None:
        """A quarter turn is 90 degrees; a quaternion and its negative are one rotation."""
        still = torch.tensor([[1.0, 0, 0, 0]])
        quarter = pose_of(torch.tensor([[0, 0, 0, 1.0, 1.0, 0, 0]])).rotation

        assert rotation_error_degrees(still, quarter).item() == pytest.approx(90, abs=1e-3)
        assert rotation_error_degrees(quarter, -quarter).item() == pytest.approx(0, abs=0.1)


def textures(count: int) -> tuple[Tensor, Tensor]:
    """(B, 3, 48, 48) of rows or columns of light, with noise, and which."""
    labels = torch.randint(2, (count,))
    waves = torch.sin(torch.arange(48) * 1.3).expand(48, 48)
    images = torch.stack([waves if label else waves.T for label in labels])[:, None]
    return (images + 0.3 * torch.randn(count, 3, 48, 48)), labels


class TestCost:
    def test_the_listed_cost_is_the_most_that_choices_can_come_to(self) -> None:
        """The same whatever the weights are, and no choice of layers takes more."""
        _, most = WHOLE_IMAGE["uan"].counted()
        image = torch.zeros(1, 3, 224, 224)
        costs = []
        for number in range(len(CHANNELS)):
            network = always(Uan(67).eval(), number)
            with torch.inference_mode():
                costs.append(multiplications_of(lambda network=network: network(image)))

        assert WHOLE_IMAGE["uan"].counted()[1] == most
        assert costs == sorted(costs)
        assert costs[-1] <= most
