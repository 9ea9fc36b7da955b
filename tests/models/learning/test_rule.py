"""The learning rule against plain Python loops, numbers worked out by hand, and finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.aggregation import MeanAggregation
from models.build import build_model
from models.cell_scores import UnitSoftmax
from models.learning.config import LearningConfig
from models.learning.dense_target import told
from models.learning.rows import Rows
from models.learning.rule import LearningRule
from models.network_config import NetworkConfig
from models.tnet import Look
from tests.models.learning.walks import NUM_CELLS, NUM_CLASSES, TWO_WALKS, rows_of


def looked(logits: Tensor) -> Look:
    """What a network with these cell logits would say."""
    none = torch.zeros(len(logits), 0)
    return Look(torch.zeros(len(logits), 1), logits, UnitSoftmax()(logits), none)


def paper_loss(
    kept: Tensor, cell_logits: Tensor, rows: Rows, config: LearningConfig, baseline: float
) -> float:
    """Equation 8 as the reference writes it down, in loops."""
    log_probs = UnitSoftmax()(cell_logits)
    total = 0.0
    for image, label in enumerate(rows.labels.tolist()):
        looks = [row for row in range(len(rows.image)) if rows.image[row] == image]
        mean = sum(kept[row] for row in looks) / len(looks)
        sequence = -float(F.log_softmax(mean, 0)[label])
        single = sum(-float(F.log_softmax(kept[row], 0)[label]) for row in looks) / len(looks)
        right = float(int(mean.argmax()) == label)
        chosen = [row for row in looks if rows.parent[row] >= 0]
        surprise = {row: -float(log_probs[rows.parent[row], rows.cell[row]]) for row in chosen}
        whole = (right - baseline) * sum(surprise.values())
        each = sum(
            (float(int(kept[row].argmax()) == label) - baseline) * surprise[row] for row in chosen
        ) / len(chosen)
        classification = config.lambda_c * sequence + (1 - config.lambda_c) * single
        location = config.lambda_r * whole + (1 - config.lambda_r) * each
        total += classification + config.lambda_f * location
    return total / len(rows.labels)


class TestPaperMode:
    @pytest.mark.parametrize("seed", range(5))
    def test_equation_8_by_loops(self, seed: int) -> None:
        """With the default options the loss is the authors' formula, averages over L looks and P locations."""
        torch.manual_seed(seed)
        kept = torch.randn(6, NUM_CLASSES, dtype=torch.float64)
        cells = torch.randn(6, NUM_CELLS, dtype=torch.float64)
        config = LearningConfig()

        terms = LearningRule(config).terms(
            looked(cells), kept, MeanAggregation(nn.Identity()), TWO_WALKS, NUM_CLASSES
        )

        expected = paper_loss(kept, cells, TWO_WALKS, config, config.baseline_start)
        assert float(terms.total) == pytest.approx(expected, rel=1e-12)

    def test_the_defaults_are_the_papers(self) -> None:
        """lambda_f 0.1, lambda_c and lambda_r 0.3, baseline from 0.5 with momentum 0.9, rewards, gradient stopped."""
        config = LearningConfig()

        assert (config.lambda_f, config.lambda_c, config.lambda_r) == (0.1, 0.3, 0.3)
        assert (config.baseline_start, config.baseline_momentum) == (0.5, 0.9)
        assert config.location == "reinforce"
        assert config.stop_gradient
        assert (config.per_feature_from, config.per_feature_to) == (0, None)
        assert not config.subsets
        assert NetworkConfig() == NetworkConfig(cell_scores="unit_softmax", aggregation="mean")

    def test_the_baseline_follows_both_kinds_of_reward(self) -> None:
        """One image of two right; of the chosen looks 1 of 3, and 1 of 1: 0.3 of the one and 0.7 of the other count."""
        kept = torch.tensor(
            [[0.0, 9, 0], [0, 9, 0], [9, 0, 0], [9, 0, 0], [9, 0, 0], [0, 0, 1]]
        )  # walk one: mean (4.5, 4.5, 0)
        kept[0, 1] = 10.0  # right by a little
        rule = LearningRule(LearningConfig())

        rule.terms(
            looked(torch.randn(6, NUM_CELLS)),
            kept,
            MeanAggregation(nn.Identity()),
            TWO_WALKS,
            NUM_CLASSES,
        )

        # Walk two: mean (4.5, 0, 0.5) says 0, the label is 2: wrong; its one chosen look is right.
        expected = 0.9 * 0.5 + 0.1 * (0.3 * 0.5 + 0.7 * (1 / 3 + 1) / 2)
        assert rule.baseline == pytest.approx(expected)

    def test_the_gradient_of_a_reward_by_hand(self) -> None:
        """Two cells, the chosen one rewarded: d loss / d log p = -(R - b) * (mix + (1 - mix)) with one look."""
        rows = rows_of([0], [(0, -1, -1), (1, 0, 1)])
        log_probs = torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]])).requires_grad_()
        look = Look(torch.zeros(2, 1), torch.zeros(2, 2), log_probs, torch.zeros(2, 0))
        kept = torch.tensor([[5.0, 0.0], [5.0, 0.0]])  # right, with every look

        terms = LearningRule(LearningConfig(lambda_f=1.0)).terms(
            look, kept, MeanAggregation(nn.Identity()), rows, 2
        )
        terms.location.backward()

        assert log_probs.grad is not None
        torch.testing.assert_close(log_probs.grad, torch.tensor([[0.0, -0.5], [0.0, 0.0]]))

    def test_gradients_by_finite_differences(self) -> None:
        """The classification terms' gradient is what small steps measure."""
        torch.manual_seed(0)
        cells = torch.randn(6, NUM_CELLS, dtype=torch.float64)
        kept = torch.randn(6, NUM_CLASSES, dtype=torch.float64, requires_grad=True)
        config = LearningConfig(lambda_f=0.0)

        def loss(values: Tensor) -> Tensor:
            aggregation = MeanAggregation(nn.Identity())
            return (
                LearningRule(config)
                .terms(looked(cells), values, aggregation, TWO_WALKS, NUM_CLASSES)
                .total
            )

        assert torch.autograd.gradcheck(loss, (kept,))

    def test_looks_in_bfloat16_are_pooled_in_float32(self) -> None:
        """With 600 looks per image, beyond what bfloat16 can count, the loss is that of the same numbers in float32."""
        torch.manual_seed(0)
        walk = [(0, -1, -1)] + [(1, 0, index % NUM_CELLS) for index in range(599)]
        rows, kept = rows_of([1, 2], walk, walk), torch.randn(1200, NUM_CLASSES).bfloat16() + 1
        cells = torch.randn(1200, NUM_CELLS)

        found, expected = (
            LearningRule(LearningConfig()).terms(
                looked(cells), values, MeanAggregation(nn.Identity()), rows, NUM_CLASSES
            )
            for values in (kept, kept.float())
        )

        assert found.total.dtype is torch.float32
        for name in ("total", "sequence", "per_feature", "location", "single_accuracy"):
            assert torch.equal(getattr(found, name), getattr(expected, name)), name

    def test_the_second_stage_leaves_deep_looks_out_of_the_single_terms(self) -> None:
        """With per_feature_to 1 a look of depth 2 counts in the sequence terms only."""
        torch.manual_seed(1)
        kept = torch.randn(6, NUM_CLASSES, dtype=torch.float64)
        cells = torch.randn(6, NUM_CELLS, dtype=torch.float64)
        aggregation = MeanAggregation(nn.Identity())

        terms = LearningRule(LearningConfig(per_feature_to=1)).terms(
            looked(cells), kept, aggregation, TWO_WALKS, NUM_CLASSES
        )

        first = [-F.log_softmax(kept[row], 0)[1] for row in (0, 1, 2)]
        second = [-F.log_softmax(kept[row], 0)[2] for row in (4, 5)]
        expected = (sum(first) / 3 + sum(second) / 2) / 2
        assert float(terms.per_feature) == pytest.approx(float(expected))


class TestStopGradient:
    @staticmethod
    def moved_by(part: str, *, stop_gradient: bool) -> set[str]:
        """Modules of a network that get a gradient from one term."""
        model = build_model("tnet_small", num_classes=NUM_CLASSES, num_bands=1)
        rows = rows_of([1], [(0, -1, -1), (1, 0, 5)])
        positions = torch.tensor([[0, 0, 0], [0, 5, 1]])
        look = model.look(torch.rand(2, 1, 96, 96), positions, stop_gradient=stop_gradient)
        kept = model.aggregation.keep(look.features, positions)
        rule = LearningRule(LearningConfig())
        terms = rule.terms(look, kept, model.aggregation, rows, NUM_CLASSES)
        getattr(terms, part).backward()
        return {
            name.split(".")[0]
            for name, parameter in model.named_parameters()
            if parameter.grad is not None and parameter.grad.abs().sum() > 0
        }

    def test_where_to_look_does_not_move_what_is_seen(self) -> None:
        """The location term has gradients in the location module only (authors' code)."""
        assert self.moved_by("location", stop_gradient=True) == {"location"}

    def test_what_is_seen_does_not_move_where_to_look(self) -> None:
        """The classification terms leave the location module alone."""
        assert self.moved_by("sequence", stop_gradient=True) == {
            "feature_extraction",
            "aggregation",
        }

    def test_it_can_be_let_through(self) -> None:
        """Without the stop the location term teaches the feature extraction, too."""
        moved = self.moved_by("location", stop_gradient=False)

        assert moved == {"location", "feature_extraction"}


class TestOptions:
    def test_subsets_teach_a_first_part_of_the_looks(self) -> None:
        """With one look per image every part is the whole, so the term is unchanged; with more it differs."""
        kept = torch.randn(6, NUM_CLASSES)
        cells = torch.randn(6, NUM_CELLS)
        aggregation = MeanAggregation(nn.Identity())
        roots = rows_of([0, 1], [(0, -1, -1)], [(0, -1, -1)])

        def sequence(rows: Rows, *, subsets: bool) -> float:
            rule = LearningRule(LearningConfig(subsets=subsets))
            count = len(rows.image)
            terms = rule.terms(looked(cells[:count]), kept[:count], aggregation, rows, NUM_CLASSES)
            return float(terms.sequence)

        torch.manual_seed(3)
        assert sequence(roots, subsets=True) == pytest.approx(sequence(roots, subsets=False))
        assert sequence(TWO_WALKS, subsets=True) != pytest.approx(
            sequence(TWO_WALKS, subsets=False)
        )

    def test_the_coarsest_looks_can_be_left_untaught(self) -> None:
        """With per_feature_from 1 a root's own prediction has no gradient from the single terms."""
        kept = torch.randn(6, NUM_CLASSES, requires_grad=True)
        rule = LearningRule(LearningConfig(per_feature_from=1))

        terms = rule.terms(
            looked(torch.randn(6, NUM_CELLS)),
            kept,
            MeanAggregation(nn.Identity()),
            TWO_WALKS,
            NUM_CLASSES,
        )
        terms.per_feature.backward()

        assert kept.grad is not None
        assert kept.grad[[0, 4]].abs().sum() == 0
        assert (kept.grad[[1, 2, 3, 5]].abs().sum(dim=1) > 0).all()

    def test_a_root_is_worth_what_is_inside_it(self) -> None:
        """Its own certainty does not count; the best promise of its cells, or what was found there, does."""
        rows = rows_of([0], [(0, -1, 1), (0, -1, 0), (1, 0, 2)])
        kept = torch.tensor([[9.0, 0, 0], [9, 0, 0], [0.5, 0, 0]])
        cells = torch.full((3, NUM_CELLS), -3.0)
        cells[1, 3] = 1.0
        root_logits = torch.tensor([[0.3, -0.2]])
        rule = LearningRule(LearningConfig(location="dense"))

        def location(*roots: Tensor) -> float:
            look = Look(torch.zeros(3, 1), cells, F.logsigmoid(cells), torch.zeros(3, 0))
            aggregation = MeanAggregation(nn.Identity())
            return float(rule.terms(look, kept, aggregation, rows, NUM_CLASSES, roots).location)

        found = float(told(F.log_softmax(kept, dim=1))[2])
        values = torch.tensor(
            [torch.tensor(1.0).sigmoid(), max(found, math.exp(-3) / (1 + math.exp(-3)))]
        )
        expected = F.binary_cross_entropy_with_logits(root_logits[0], values)
        assert location(root_logits) - location() == pytest.approx(float(expected), rel=1e-5)

    def test_a_walk_of_one_look_has_no_location_term(self) -> None:
        """A full-image baseline trains by cross-entropy alone."""
        roots = rows_of([0, 1], [(0, -1, -1)], [(0, -1, -1)])
        look = Look(torch.zeros(2, 1), *[torch.zeros(2, 0)] * 3)

        terms = LearningRule(LearningConfig()).terms(
            look, torch.randn(2, NUM_CLASSES), MeanAggregation(nn.Identity()), roots, NUM_CLASSES
        )

        assert float(terms.location) == 0
