"""What each look did to a prediction, against predictions with looks left out and against arithmetic."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.aggregation import Aggregation, MeanAggregation
from models.cell_scores import IndependentCells, UnitSoftmax
from models.evidence import EvidenceAggregation
from models.explanations.cells import cell_explanation
from models.explanations.looks import look_evidence, look_weights
from models.query_aggregation import ClassTokenAggregation, FirstLookAggregation
from tests.models.test_aggregation import KINDS, NUM_CLASSES, aggregation_of, at_depths, looks

ADDING_UP = [kind for kind in KINDS if kind not in ("saol", "class_token", "evidence", "conv_lstm")]


def kept_by(one: Aggregation, count: int = 6) -> Tensor:
    """What an aggregation keeps of some looks."""
    return one.keep(*looks(count)).detach()


def above_mean(log_probs: Tensor) -> Tensor:
    """Logits as a softmax cannot tell them apart from the given ones."""
    return log_probs - log_probs.mean(dim=-1, keepdim=True)


class TestWeights:
    @pytest.mark.parametrize("kind", KINDS)
    def test_sum_to_1(self, kind: str) -> None:
        """Shares of one prediction; the class token keeps some for itself."""
        one = aggregation_of(kind)
        weights = look_weights(one, kept_by(one)).maps.flatten()

        assert (weights > 0).all()
        if kind == "class_token":
            assert weights.sum() < 1
        else:
            assert weights.sum().item() == pytest.approx(1)

    def test_of_learned_scores(self) -> None:
        """Scores 0 and log 3 weigh a quarter and three quarters."""
        one = aggregation_of("weighting")
        kept = torch.cat([torch.randn(2, NUM_CLASSES), torch.tensor([[0.0], [math.log(3)]])], dim=1)

        assert look_weights(one, kept).maps.flatten().tolist() == pytest.approx([0.25, 0.75])

    def test_of_the_first_looks_question(self) -> None:
        """By hand for three looks of two features."""
        one = FirstLookAggregation(nn.Linear(2, 2), num_classes=2)
        features = torch.tensor([[2.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
        kept = one.keep(features, torch.zeros(3, 3, dtype=torch.int64)).detach()
        by_hand = (torch.tensor([4.0, 6.0, 0.0]) / 2**0.5).softmax(0)

        torch.testing.assert_close(look_weights(one, kept).maps.flatten(), by_hand.double())

    def test_of_the_class_token(self) -> None:
        """As PyTorch's own attention gives them, by letting it carry rows of the identity."""
        one = aggregation_of("class_token")
        assert isinstance(one, ClassTokenAggregation)
        features, positions = looks(5)
        seen = one.norm1(torch.cat([one.token, features]))
        identity = torch.eye(6, dtype=torch.float64)
        shares = F.scaled_dot_product_attention(
            one.query(seen[:1])[None], one.key(seen)[None], identity[None]
        )[0, 0]

        found = look_weights(one, one.keep(features, positions)).maps.flatten()

        torch.testing.assert_close(found, shares[1:])

    def test_of_credits(self) -> None:
        """A depth that starts with a credit of 0.3 counts 0.3 times as much as the finest."""
        one = EvidenceAggregation(nn.Identity(), num_classes=2, num_depths=2)
        with torch.no_grad():
            one.credit[0] = math.log(math.expm1(0.3))
        kept = one.keep(torch.randn(3, 2), at_depths(torch.tensor([0, 1, 5]))).detach()

        found = look_weights(one, kept).maps.flatten().tolist()

        assert found == pytest.approx([0.3 / 2.3, 1 / 2.3, 1 / 2.3])


class TestEvidence:
    @pytest.mark.parametrize("kind", ADDING_UP)
    def test_adds_up_to_the_prediction(self, kind: str) -> None:
        """A softmax over the sums of the looks is what the aggregation says."""
        one = aggregation_of(kind)
        kept = kept_by(one)
        sums = torch.stack([look_evidence(one, kept, k).maps.sum() for k in range(NUM_CLASSES)])

        torch.testing.assert_close(sums.softmax(0), one.combine(kept)[-1])
        assert sums.sum().item() == pytest.approx(0, abs=1e-9)

    def test_leaving_a_look_out_of_a_mean(self) -> None:
        """Without look i the image's logits are the rest of the sum, over one look less."""
        one = aggregation_of("mean")
        kept = kept_by(one)
        count = len(kept)
        for left_out in range(count):
            others = [i for i in range(count) if i != left_out]
            without = above_mean(one.combine(kept[others])[-1].log())
            evidence = one.evidence(kept)
            expected = (evidence.sum(dim=0) - evidence[left_out]) * count / (count - 1)

            torch.testing.assert_close(without, expected)

    def test_of_a_mean_by_hand(self) -> None:
        """Two looks, two classes: half of each look's logit, less half of the mean of both classes."""
        one = MeanAggregation(nn.Identity())
        kept = torch.tensor([[3.0, 1.0], [0.0, 4.0]])

        assert look_evidence(one, kept, 0).maps.flatten().tolist() == [0.5, -1.0]
        assert look_evidence(one, kept, 1).maps.flatten().tolist() == [-0.5, 1.0]

    def test_of_mixed_probabilities(self) -> None:
        """Of SAOL they are probabilities, and add up to the image's."""
        one = aggregation_of("saol")
        kept = kept_by(one)
        sums = [look_evidence(one, kept, k).maps.sum().item() for k in range(NUM_CLASSES)]

        assert sums == pytest.approx(one.combine(kept)[-1].tolist())
        assert "probability" in look_evidence(one, kept, 0).unit

    def test_of_log_odds(self) -> None:
        """With the prior they add up to the prediction; a look that knows nothing says nothing."""
        one = EvidenceAggregation(nn.Identity(), num_classes=3, num_depths=1)
        kept = one.keep(
            torch.tensor([[2.0, 0, 0], [0, 0, 0], [0, 1.0, -9.0]]),
            torch.zeros(3, 3, dtype=torch.int64),
        ).detach()
        evidence = one.evidence(kept)

        assert evidence[1].abs().max().item() == pytest.approx(0, abs=1e-6)
        torch.testing.assert_close(
            evidence.sum(dim=0).softmax(0), one.combine(kept)[-1], atol=1e-6, rtol=0
        )

    def test_a_learned_prior_is_nobodys_evidence(self) -> None:
        """What is left of the prediction without all looks is the prior."""
        one = EvidenceAggregation(nn.Identity(), num_classes=3, num_depths=1)
        with torch.no_grad():
            one.prior.copy_(torch.tensor([1.0, 0.0, -1.0]))
        kept = one.keep(torch.randn(4, 3), torch.zeros(4, 3, dtype=torch.int64)).detach()
        left = above_mean(one.combine(kept)[-1].log()) - one.evidence(kept).sum(dim=0)

        assert left.tolist() == pytest.approx([1.0, 0.0, -1.0], abs=1e-5)

    @pytest.mark.parametrize("kind", ["class_token", "conv_lstm"])
    def test_where_nothing_adds_up_it_is_what_leaving_out_takes(self, kind: str) -> None:
        """The image's logits less those of the same image without the look."""
        one = aggregation_of(kind)
        kept = kept_by(one)
        whole = above_mean(one.combine(kept)[-1].log())
        for left_out in range(len(kept)):
            others = [i for i in range(len(kept)) if i != left_out]
            without = above_mean(one.combine(kept[others])[-1].log())

            torch.testing.assert_close(one.evidence(kept)[left_out], whole - without)


class TestCells:
    def test_an_even_spread_is_1(self) -> None:
        """Cells that share a softmax are shown relative to it, row by row."""
        log_probs = torch.tensor([[1.0, 1, 1, 5]]).log() - math.log(8)
        found = cell_explanation(UnitSoftmax(), log_probs)

        torch.testing.assert_close(found.maps, torch.tensor([[[0.5, 0.5], [0.5, 2.5]]]))

    def test_independent_cells_are_probabilities(self) -> None:
        """Each for itself, as it is."""
        found = cell_explanation(IndependentCells(), torch.tensor([[0.25, 1, 0.5, 0.125]]).log())

        torch.testing.assert_close(found.maps, torch.tensor([[[0.25, 1], [0.5, 0.125]]]))
