"""AttentionRNN in the place of TNet's location module."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.attention_rnn.location import RecurrentLocation
from models.build import build_model
from models.features import Features
from models.network_config import NetworkConfig

KINDS = ["attention_rnn", "block_attention_rnn"]


def network(kind: str, *, num_depths: int = 3) -> NetworkConfig:
    """The paper's network but for its location module."""
    return NetworkConfig(location=kind, num_depths=num_depths)  # type: ignore[arg-type]  # a kind by name


def learned(
    location: RecurrentLocation, features: Features, *, is_mixed: bool
) -> tuple[Tensor, Tensor]:
    """Logits, and the gradient of their squares as one vector."""
    with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
        logits = location(features)
    weights = [weight for weight in location.parameters() if weight.requires_grad]
    found = torch.autograd.grad(
        logits.float().square().sum(), weights, allow_unused=True, materialize_grads=True
    )
    return logits, torch.cat([one.flatten() for one in found])


class TestRecurrentLocation:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("name", "base", "grid"), [("tnet_small", 96, 7), ("tnet_fmow", 224, 3)]
    )
    def test_every_architecture_takes_it(self, kind: str, name: str, base: int, grid: int) -> None:
        """A look has one log-probability per cell, and its gradient reaches the module of every depth."""
        model = build_model(name, num_classes=4, network=network(kind))
        places = torch.tensor([[0, 0, 0], [1, 1, 1], [4, 4, 2]])
        look = model.look(torch.rand(3, 3, base, base), places)
        look.cell_log_probs[:, 0].sum().backward()

        assert look.cell_log_probs.shape == (3, grid * grid)
        assert model.location is not None
        for weight in model.location.parameters():
            assert weight.grad is not None

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_seed_gives_the_weights(self, kind: str) -> None:
        """The same seed gives the same location module, another seed another."""
        one, same, other = (
            build_model("tnet_small", num_classes=3, network=network(kind), seed=seed).state_dict()
            for seed in (1, 1, 2)
        )

        names = [
            name
            for name in one
            if name.startswith("location.attentions.") and one[name].numel() > 1 and one[name].any()
        ]
        assert any("recurrence" in name for name in names)
        for name in names:
            assert torch.equal(one[name], same[name])
            assert not torch.equal(one[name], other[name])

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_learns_in_mixed_precision(self, kind: str) -> None:
        """Under bfloat16 autocast logits are those of float32 to 8 bits, and so is the gradient's direction."""
        torch.manual_seed(0)
        location = RecurrentLocation(
            cell_channels=8, num_depths=1, gamma=2 if kind == "block_attention_rnn" else 1
        )
        depths = torch.zeros(3, dtype=torch.int64)
        features = Features(torch.zeros(3, 1), torch.randn(3, 8, 7, 7), depths)

        logits, gradient = learned(location, features, is_mixed=False)
        mixed, mixed_gradient = learned(location, features, is_mixed=True)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            judged = location.eval()(features)

        assert not torch.equal(mixed, logits)  # or nothing was mixed
        torch.testing.assert_close(mixed.float(), logits, rtol=0.02, atol=0.02)
        torch.testing.assert_close(judged.float(), logits, rtol=0.02, atol=0.02)
        assert F.cosine_similarity(mixed_gradient, gradient, dim=0) > 0.999

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_answer_does_not_depend_on_its_batch(self, kind: str) -> None:
        """Cells of a window are scored to the last bit alike beside other windows and at another place."""
        model = build_model("tnet_small", num_classes=3, network=network(kind)).eval()
        windows, places = torch.rand(8, 3, 96, 96), torch.zeros(8, 3, dtype=torch.int64)
        others = torch.rand(8, 3, 96, 96)
        others[5] = windows[2]
        with torch.inference_mode():
            one = model.look(windows, places).cell_logits[2]
            other = model.look(others, places).cell_logits[5]

        assert torch.equal(one, other)

    def test_it_learns_to_point(self) -> None:
        """Taught which of 49 cells holds a pattern, 300 steps later it puts it first on nine new maps of ten."""
        torch.manual_seed(0)
        pattern = torch.randn(8)

        def maps(count: int) -> tuple[Features, Tensor]:
            cells, target = 0.3 * torch.randn(count, 8, 7, 7), torch.randint(49, (count,))
            cells.flatten(2)[torch.arange(count), :, target] += pattern
            depths = torch.zeros(count, dtype=torch.int64)
            return Features(torch.zeros(count, 1), cells, depths), target

        location = RecurrentLocation(cell_channels=8, num_depths=1)
        optimiser = torch.optim.AdamW(location.parameters(), lr=0.002)
        for _ in range(300):
            features, target = maps(32)
            worth = F.one_hot(target, 49).float()
            loss = F.binary_cross_entropy_with_logits(location(features), worth)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        features, target = maps(200)
        right = location.eval()(features).argmax(dim=1) == target

        assert right.float().mean() > 0.9

    def test_the_depth_of_the_look_counts(self) -> None:
        """The same window is scored differently at another depth; depths beyond the last count as the last."""
        model = build_model("tnet_small", num_classes=3, network=network("attention_rnn")).eval()
        windows = torch.rand(1, 3, 96, 96).expand(4, -1, -1, -1)
        depths = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 9]])
        found = model.look(windows, depths).cell_logits

        assert not torch.allclose(found[0], found[1])
        torch.testing.assert_close(found[2], found[3])
