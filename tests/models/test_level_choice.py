"""The choice of a level: hard forward, relaxed backward, and it learns."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from models.architecture import ARCHITECTURES
from models.build import build_model
from models.errors import ModelError
from models.level_choice import LevelChoice, level_gates
from models.network_config import NetworkConfig


def gumbel(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Standard Gumbel noise, float64."""
    return -torch.empty(*shape, dtype=torch.float64).exponential_(generator=generator).log()


class TestGates:
    @pytest.mark.parametrize("temperature", [1.0, 0.3])
    def test_they_are_torchs_straight_through_gumbel_softmax(self, temperature: float) -> None:
        """With the same noise, the gradient of what was taken is that of torch's own."""
        logits = torch.tensor([[0.3, -0.2, 0.9]], dtype=torch.float64, requires_grad=True)
        torch.manual_seed(3)
        hard = F.gumbel_softmax(logits, tau=temperature, hard=True)
        torch.manual_seed(3)  # torch draws its noise so
        noise = -torch.empty_like(logits).exponential_().log()
        taken = int(hard.argmax())
        assert taken == int((logits + noise).argmax())
        value = torch.tensor(1.7, dtype=torch.float64)
        [expected] = torch.autograd.grad(hard[0, taken] * value, logits)

        gates = level_gates(
            logits.repeat(2, 1),
            noise.repeat(2, 1),
            torch.tensor([-1, 0]),
            torch.tensor([0, taken + 1]),
            temperature=temperature,
        )
        [found] = torch.autograd.grad(gates[1] * value, logits)

        assert gates.tolist() == [1.0, 1.0]
        assert found == pytest.approx(expected)

    def test_what_lies_too_deep_has_no_share(self) -> None:
        """Noise of minus infinity closes a level: neither probability nor gradient goes there."""
        logits = torch.zeros((2, 3), dtype=torch.float64, requires_grad=True)
        noise = torch.tensor([[0.4, -0.1, -torch.inf]] * 2, dtype=torch.float64)

        gates = level_gates(logits, noise, torch.tensor([-1, 0]), torch.tensor([0, 1]))
        [gradient] = torch.autograd.grad(gates.sum(), logits)

        assert gradient[0, 2] == 0
        assert gradient[0, 0] == pytest.approx(-gradient[0, 1])
        assert gradient[0, 0] > 0

    def test_roots_have_no_gate(self) -> None:
        """What nobody chose is 1 and teaches nothing, whatever noise its row holds."""
        logits = torch.zeros((2, 2), requires_grad=True)
        noise = torch.full((2, 2), -torch.inf)

        gates = level_gates(logits, noise, torch.tensor([-1, -1]), torch.tensor([0, 0]))
        gates.sum().backward()

        assert gates.tolist() == [1.0, 1.0]
        assert not logits.grad.any()

    def test_the_level_that_tells_something_is_learned(self) -> None:
        """Looks of one level carry their image's class, those of the other noise; 300 steps make the choice sure."""
        generator = torch.Generator().manual_seed(0)
        choice = LevelChoice(4, num_levels=2, num_depths=1).double()
        classify = torch.nn.Linear(6, 3).double()
        with torch.no_grad():
            classify.weight.copy_(torch.randn(3, 6, generator=generator) * 0.1)
        optimiser = torch.optim.Adam([*choice.parameters(), *classify.parameters()], lr=0.02)
        root = torch.ones((16, 4), dtype=torch.float64)
        depths = torch.zeros(16, dtype=torch.int64)
        for _ in range(300):
            labels = torch.randint(3, (16,), generator=generator)
            logits, noise = choice(root, depths), gumbel(generator, 16, 2)
            steps = (logits + noise).argmax(dim=1) + 1
            told = torch.eye(3, dtype=torch.float64)[labels] * 2
            noisy = torch.randn(16, 3, generator=generator, dtype=torch.float64)
            is_deep = (steps == 2)[:, None]
            looks = torch.cat([told * is_deep, noisy * ~is_deep], dim=1)
            both = torch.cat([logits, logits]), torch.cat([noise, noise])
            parent = torch.cat([torch.full((16,), -1), torch.arange(16)])
            gates = level_gates(*both, parent, torch.cat([steps, steps]))[16:]
            optimiser.zero_grad()
            F.cross_entropy(classify(looks * gates[:, None]), labels).backward()
            optimiser.step()

        assert choice(root, depths).softmax(dim=1)[:, 1].min() > 0.9


class TestNetwork:
    @pytest.mark.parametrize("name", ["tnet_small", "tnet_fmow", "tnet_imagenet"])
    def test_any_walking_network_may_choose(self, name: str) -> None:
        """It has a logit per level, without preference at first, and is otherwise the network without them."""
        plain = build_model(name, num_classes=3)
        model = build_model(name, num_classes=3, network=NetworkConfig(levels=2))
        side = ARCHITECTURES[name].base_px
        images = torch.rand(2, 3, side, side)
        positions = torch.tensor([[0, 0, 0], [1, 1, 1]])

        with torch.no_grad():
            found = model.eval().look(images, positions)
            expected = plain.eval().look(images, positions)

        assert found.level_logits.tolist() == [[0.0, 0.0]] * 2
        assert expected.level_logits.shape == (2, 0)
        assert torch.equal(found.cell_logits, expected.cell_logits)

    def test_depths_have_a_bias_of_their_own(self) -> None:
        """The deeper ones share the last."""
        choice = LevelChoice(2, num_levels=2, num_depths=2)
        with torch.no_grad():
            choice.bias.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))

        found = choice(torch.zeros(3, 2), torch.tensor([0, 1, 5]))

        assert found.tolist() == [[1.0, 2.0], [3.0, 4.0], [3.0, 4.0]]

    @pytest.mark.parametrize("levels", [0, 4])
    def test_levels_are_refused_by_name(self, levels: int) -> None:
        """The message says what was found and what is wanted."""
        with pytest.raises(ModelError, match=f"network.levels is {levels}; from 1 to 3"):
            NetworkConfig(levels=levels)

    def test_a_network_that_looks_once_cannot_choose(self) -> None:
        """There is no next look."""
        with pytest.raises(ModelError, match="cnn_small looks only once"):
            build_model("cnn_small", num_classes=2, network=NetworkConfig(levels=2))
