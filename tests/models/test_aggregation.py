"""Every aggregation: streamed equals one-shot, and each starts and learns as it says."""

from __future__ import annotations

import math
from typing import get_args, get_type_hints

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.aggregation import Aggregation
from models.build import build_model
from models.cell_scores import IndependentCells, TemperatureSoftmax, UnitSoftmax
from models.evidence import EvidenceAggregation
from models.network_config import NetworkConfig
from models.pooling import pooling_of
from models.query_aggregation import ClassTokenAggregation, FirstLookAggregation
from models.weighting import GatedScore

NUM_FEATURES, NUM_CLASSES = 16, 5
KINDS = sorted({*get_args(get_type_hints(NetworkConfig)["aggregation"])} - {"likeness"})
# An example has two classes of its own and nothing to learn: test_likeness.py.


def aggregation_of(kind: str) -> Aggregation:
    """One with weights that are not special."""
    torch.manual_seed(0)
    classification = nn.Linear(NUM_FEATURES, NUM_CLASSES)
    network = NetworkConfig(aggregation=kind)  # type: ignore[arg-type]  # a kind by name
    one = pooling_of(
        network, classification, num_features=NUM_FEATURES, num_classes=NUM_CLASSES, grid=3
    ).double()
    if isinstance(one, ClassTokenAggregation):
        nn.init.normal_(one.token)
    return one


def looks(count: int) -> tuple[Tensor, Tensor]:
    """Features and positions of some looks."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(count, NUM_FEATURES, generator=generator, dtype=torch.float64)
    return features * 2, at_depths(torch.arange(count) % 4)


def at_depths(depths: Tensor) -> Tensor:
    """Positions, somewhere at these depths."""
    places = torch.arange(len(depths))
    return torch.stack([places % 3, places % 5, depths], dim=1)


@pytest.mark.parametrize("kind", KINDS)
class TestAll:
    def test_streamed_equals_one_shot(self, kind: str) -> None:
        """What is said after n looks equals what the training form says of these n looks."""
        one = aggregation_of(kind)
        features, positions = looks(7)
        kept = one.keep(features, positions)
        after_each = one.combine(kept)
        for count in range(1, 8):
            image_of = torch.zeros(count, dtype=torch.int64)
            whole = one.log_probs(kept[:count], image_of, 1).exp()

            torch.testing.assert_close(after_each[count - 1], whole[0], atol=1e-6, rtol=0)

    def test_images_of_a_step_are_apart(self, kind: str) -> None:
        """Looks at several images combine as those of each alone, however many each has."""
        one = aggregation_of(kind)
        features, positions = looks(9)
        image_of = torch.tensor([0, 0, 1, 2, 2, 2, 2, 2, 2])
        kept = one.keep(features, positions)
        together = one.log_probs(kept, image_of, 3)
        for image in range(3):
            mine = kept[image_of == image]
            alone = one.log_probs(mine, torch.zeros(len(mine), dtype=torch.int64), 1)

            torch.testing.assert_close(together[image], alone[0])

    def test_gradients_by_finite_differences(self, kind: str) -> None:
        """The training form's gradient is what small steps measure."""
        one = aggregation_of(kind)
        features, positions = looks(5)
        image_of = torch.tensor([0, 0, 0, 1, 1])

        def loss(values: Tensor) -> Tensor:
            return one.log_probs(one.keep(values, positions), image_of, 2)[:, 1].sum()

        assert torch.autograd.gradcheck(loss, (features.requires_grad_(),))

    def test_single_looks_speak_for_themselves(self, kind: str) -> None:
        """A look's own log-probabilities are those of the classification module."""
        one = aggregation_of(kind)
        features, positions = looks(4)

        found = one.look_log_probs(one.keep(features, positions), NUM_CLASSES)

        torch.testing.assert_close(found, F.log_softmax(one.classification(features), dim=1))


class TestWeighting:
    def test_it_starts_as_the_mean(self) -> None:
        """A new network with learned weights predicts what the paper's mean predicts."""
        features = torch.randn(6, 64)
        positions = torch.zeros(6, 3, dtype=torch.int64)
        found = []
        for network in (NetworkConfig(aggregation="mean"), NetworkConfig(aggregation="weighting")):
            model = build_model("tnet_small", num_classes=4, network=network).eval()
            other = build_model("tnet_small", num_classes=4).eval()
            model.aggregation.classification.load_state_dict(
                other.aggregation.classification.state_dict()
            )
            found.append(model.aggregation.combine(model.aggregation.keep(features, positions)))

        torch.testing.assert_close(found[0], found[1])

    def test_a_heavy_look_decides(self) -> None:
        """Weights are a softmax over looks: at log-weights 0 and log 3 the second counts three quarters."""
        one = aggregation_of("weighting")
        logits = torch.tensor([[4.0, 0, 0, 0, 0], [0, 4.0, 0, 0, 0]], dtype=torch.float64)
        kept = torch.cat([logits, torch.tensor([[0.0], [math.log(3)]])], dim=1)

        found = one.combine(kept)[1]

        torch.testing.assert_close(found, torch.tensor([1.0, 3, 0, 0, 0]).double().softmax(0))


class TestMapMemory:
    def test_looks_lie_where_they_were_taken(self) -> None:
        """A root is written everywhere, any other look into the root's cell that it lies in, however deep it is."""
        one = aggregation_of("conv_lstm")
        positions = torch.tensor([[2, 7, 0], [1, 2, 1], [5, 0, 2], [26, 9, 3], [3, 4, 1]])
        kept = one.keep(torch.randn(5, NUM_FEATURES, dtype=torch.float64), positions)
        there = one._maps(kept).abs().sum(dim=1) > 0  # type: ignore[operator]  # parts of a Module are untyped

        assert there[0].all()
        for row, place in zip(there[1:], [(1, 2), (1, 0), (2, 1), (0, 1)], strict=True):
            assert torch.nonzero(row).tolist() == [list(place)]

    def test_remembers_by_hand(self) -> None:
        """After two looks the prediction is the head of the mean of what the cell says of one map, then the other."""
        one = aggregation_of("conv_lstm")
        features, positions = looks(2)
        one_map = torch.zeros(1, 16, 3, 3, dtype=torch.float64)
        first = one.embed(features[:1])[:, :, None, None].expand_as(one_map)  # type: ignore[operator]  # parts of a Module are untyped
        second = one_map.clone()
        second[0, :, 1, 1] = one.embed(features[1:])[0]  # type: ignore[operator]  # parts of a Module are untyped
        state = one.memory(first, one.memory.first(1, 3, 3, first))  # type: ignore[operator, union-attr]
        state = one.memory(second, state)  # type: ignore[operator]  # parts of a Module are untyped
        logits = one.head(state.hidden.mean(dim=(2, 3)))  # type: ignore[operator]  # parts of a Module are untyped

        found = one.combine(one.keep(features, positions))[1]

        torch.testing.assert_close(found, logits.softmax(dim=1)[0])

    def test_order_counts(self) -> None:
        """The same looks the other way round say something else: it is a memory, not a sum."""
        one = aggregation_of("conv_lstm")
        kept = one.keep(*looks(4))

        assert not torch.allclose(one.combine(kept)[-1], one.combine(kept.flip(0))[-1], atol=1e-4)


class TestPoolingOfOtherPapers:
    def test_gated_score_by_hand(self) -> None:
        """W (tanh(V f) * sigmoid(U f)), as attention-based multiple instance learning writes it."""
        torch.manual_seed(0)
        score, feature = GatedScore(6), torch.randn(1, 6)
        value = torch.tanh(score.value.weight @ feature[0] + score.value.bias)
        gate = torch.sigmoid(score.gate.weight @ feature[0] + score.gate.bias)
        by_hand = score.weight.weight[0] @ (value * gate) + score.weight.bias

        torch.testing.assert_close(score(feature)[0], by_hand)

    def test_saol_mixes_probabilities(self) -> None:
        """With equal scores the prediction is the mean of the looks' own probabilities, not of their logits."""
        one = aggregation_of("saol")
        logits = torch.tensor([[4.0, 0, 0, 0, 0], [0, 2.0, 0, 0, 0]], dtype=torch.float64)
        kept = torch.cat([logits, torch.zeros(2, 1)], dim=1)

        torch.testing.assert_close(one.combine(kept)[1], logits.softmax(dim=1).mean(dim=0))

    def test_the_first_look_asks(self) -> None:
        """Looks like the first one count for more; by hand for three looks of two features."""
        one = FirstLookAggregation(nn.Linear(2, 2), num_classes=2)
        features = torch.tensor([[2.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
        weights = (torch.tensor([4.0, 6.0, 0.0]) / 2**0.5).softmax(0)
        with torch.no_grad():
            found = one.combine(one.keep(features, torch.zeros(3, 3, dtype=torch.int64)))[2]
            expected = (weights[:, None] * one.classification(features)).sum(dim=0).softmax(0)

        torch.testing.assert_close(found, expected.double(), atol=1e-6, rtol=0)

    def test_a_token_is_one_more_look(self) -> None:
        """Attention of the token over itself and the looks, by PyTorch's own function."""
        one = aggregation_of("class_token")
        assert isinstance(one, ClassTokenAggregation)
        features, positions = looks(6)
        seen = one.norm1(torch.cat([one.token, features]))
        pooled = F.scaled_dot_product_attention(
            one.query(seen[:1])[None], one.key(seen)[None], one.value(seen)[None]
        )[0]
        tokens = one.token + pooled
        tokens = tokens + one.perceptron(one.norm2(tokens))
        expected = one.classification(tokens)[0].softmax(0)

        torch.testing.assert_close(one.combine(one.keep(features, positions))[5], expected)


class TestEvidence:
    def test_by_hand(self) -> None:
        """Two classes, credit 1 and bound 1 at the finest depth: log-odds add up, and nothing falls below -1."""
        one = EvidenceAggregation(nn.Identity(), num_classes=2, num_depths=1)
        logits = torch.tensor([[math.log(0.9), math.log(0.1)], [math.log(0.6), math.log(0.4)]])

        found = one.combine(one.keep(logits, torch.zeros(2, 3, dtype=torch.int64)))

        evidence = [
            math.log(1.8) + math.log(1.2),
            max(math.log(0.2), -1.0) + math.log(0.8),
        ]
        expected = torch.tensor(evidence, dtype=torch.float64).softmax(0)
        torch.testing.assert_close(found[1], expected, atol=1e-6, rtol=0)

    def test_an_empty_look_says_nothing(self) -> None:
        """A uniform look leaves the prediction where it was; a mean would water it down."""
        one = EvidenceAggregation(nn.Identity(), num_classes=3, num_depths=1)
        logits = torch.tensor([[2.0, 0, 0], [0, 0, 0], [0, 0, 0]])

        found = one.combine(one.keep(logits, torch.zeros(3, 3, dtype=torch.int64)))

        torch.testing.assert_close(found[2], found[0])

    def test_prior_bound_and_credit_learn(self) -> None:
        """All three have gradients."""
        one = aggregation_of("evidence")
        features, positions = looks(8)
        one.log_probs(one.keep(features * 4, positions), torch.zeros(8, dtype=torch.int64), 1)[
            0, 2
        ].backward()

        assert isinstance(one, EvidenceAggregation)
        for parameter in (one.prior, one.bound, one.credit):
            assert parameter.grad is not None
            assert (parameter.grad != 0).all()

    def test_deeper_looks_use_the_last_credit(self) -> None:
        """With two depths of parameters a look of depth 7 counts like one of depth 1."""
        one = EvidenceAggregation(nn.Identity(), num_classes=3, num_depths=2)
        logits = torch.tensor([[2.0, 0, 0]])
        near, far = (
            one.combine(one.keep(logits, at_depths(torch.tensor([depth])))) for depth in (1, 7)
        )

        torch.testing.assert_close(near, far)


class TestCellScores:
    def test_temperature_starts_as_the_paper(self) -> None:
        """With its factor at 1 the learned temperature changes nothing; with 20 the policy can be certain."""
        logits = torch.randn(3, 25)
        scores = TemperatureSoftmax()
        torch.testing.assert_close(scores(logits), UnitSoftmax()(logits))

        scores.log_factor.data.fill_(math.log(20))
        certain = torch.zeros(1, 25)
        certain[0, 3] = 5.0
        assert scores(certain).exp().max() > 0.99

    def test_independent_cells_do_not_share(self) -> None:
        """Raising one cell's logit leaves the others' log-probabilities alone, and each is log sigmoid."""
        logits = torch.randn(1, 9)
        before = IndependentCells()(logits)
        logits[0, 4] += 3
        after = IndependentCells()(logits)

        assert torch.equal(before[0, :4], after[0, :4])
        torch.testing.assert_close(after, torch.sigmoid(logits).log())
