"""The scorer of roots: any grid, every root in sight of the others, and it learns which ones tell something."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from models.build import build_model
from models.errors import ModelError
from models.learning.dense_target import root_loss
from models.network_config import NetworkConfig
from models.root_scorer import RootScorer
from models.tnet import TNet
from tests.models.learning.walks import rows_of

KINDS = ["attention_rnn", "block_attention_rnn"]


def network(kind: str) -> TNet:
    """A small TNet that scores roots."""
    options = NetworkConfig(root_scorer=kind)  # type: ignore[arg-type]  # a kind by name
    return build_model("tnet_small", num_classes=3, num_bands=1, network=options)


class TestRootScorer:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("grid", [(1, 1), (3, 5), (8, 2)])
    def test_any_grid(self, kind: str, grid: tuple[int, int]) -> None:
        """One logit per root, whatever the image's size, and a gradient for every weight."""
        model = network(kind)
        logits = model.root_logits(torch.rand(*grid, 1, 6, 6))
        logits.sum().backward()

        assert logits.shape == grid
        assert model.root_scorer is not None
        for weight in model.root_scorer.parameters():
            assert weight.grad is not None

    def test_roots_are_scored_in_sight_of_each_other(self) -> None:
        """Another root changes a root's score, which a convolution of 3 x 3 roots would not see from six away."""
        scorer = RootScorer(num_bands=1).eval().double()  # float32 may round so little away
        overviews = torch.rand(1, 7, 1, 6, 6, dtype=torch.double)
        changed = overviews.clone()
        changed[0, 0] = 1 - changed[0, 0]

        assert not torch.equal(scorer(overviews)[0, 6], scorer(changed)[0, 6])

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_learns_in_mixed_precision(self, kind: str) -> None:
        """Under bfloat16 autocast the scores are those of float32 to 8 bits, and every weight has a gradient."""
        torch.manual_seed(0)
        model, overviews = network(kind), torch.rand(3, 5, 1, 6, 6)
        model.eval()
        expected = model.root_logits(overviews)
        with torch.autocast("cpu", torch.bfloat16):
            judged = model.root_logits(overviews)
            drawn = model.train().root_logits(overviews)
        drawn.float().sum().backward()

        torch.testing.assert_close(judged.float(), expected, rtol=0.02, atol=0.02)
        assert model.root_scorer is not None
        for weight in model.root_scorer.parameters():
            assert weight.grad is not None
            assert weight.grad.isfinite().all()

    def test_a_network_without_one_says_so(self) -> None:
        """The message names the option."""
        model = build_model("tnet_small", num_classes=3, num_bands=1)
        with pytest.raises(ModelError, match=r"network\.root_scorer"):
            model.root_logits(torch.rand(1, 1, 1, 6, 6))

    @pytest.mark.parametrize(("kind", "side"), [("attention_rnn", 1), ("block_attention_rnn", 2)])
    def test_it_learns_what_roots_told(self, kind: str, side: int) -> None:
        """Taught only by the roots that were looked at, it ranks roots of unseen images: 9 of 10 pairs, chance 5.

        Roots that tell something stand in squares of `side`, for a block has one value.
        """
        torch.manual_seed(0)
        model = network(kind)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(300):
            overviews, told = _image(side)
            seen = torch.randperm(16)[:6]
            rows = rows_of([0], [(0, -1, int(cell)) for cell in seen])
            loss = root_loss([model.root_logits(overviews)], told.flatten()[seen], rows)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        model.eval()

        right = total = 0
        for _ in range(20):
            overviews, told = _image(side)
            with torch.inference_mode():
                logits = model.root_logits(overviews)
            full, empty = logits[told > 0], logits[told == 0]
            right += int((full[:, None] > empty).sum())
            total += full.numel() * empty.numel()
        assert right > 0.9 * total


def _image(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(4, 4, 1, 6, 6) noise, a speck in some roots; (4, 4) what a look there tells."""
    overviews = torch.rand(4, 4, 1, 6, 6) * 0.3
    squares = (torch.rand(4 // side, 4 // side) < 0.3).float()
    squares[0, 0], squares[-1, -1] = 1, 0
    told = squares.repeat_interleave(side, 0).repeat_interleave(side, 1)
    overviews[:, :, 0, 2:4, 2:4] += told[:, :, None, None] * 0.5
    return overviews, told


class TestRootLoss:
    def test_by_hand(self) -> None:
        """A mean over the roots looked at of each image, then over images, each with a grid of its own."""
        first, second = torch.randn(2, 2), torch.randn(1, 3)
        rows = rows_of([0, 1], [(0, -1, 3), (1, 0, 2), (0, -1, 0)], [(0, -1, 1)])
        values = torch.tensor([0.2, 0.9, 0.6, 1.0])

        def each(logit: torch.Tensor, value: float) -> float:
            return float(F.binary_cross_entropy_with_logits(logit, torch.tensor(value)))

        expected = (
            (each(first[1, 1], 0.2) + each(first[0, 0], 0.6)) / 2 + each(second[0, 1], 1.0)
        ) / 2
        assert float(root_loss([first, second], values, rows)) == pytest.approx(expected, rel=1e-5)
