"""What a cell should have promised, by numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from models.learning.dense_target import dense_loss, told, worth
from tests.models.learning.walks import NUM_CELLS, TWO_WALKS


class TestDenseTarget:
    def test_told_is_zero_for_nothing_and_one_for_certainty(self) -> None:
        """KL to uniform over log K: 0 for uniform, 1 for certain, and 1 - H / log 2 for (3/4, 1/4)."""
        p = torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.75, 0.25]], dtype=torch.float64)

        found = told(p.clamp(min=1e-300).log())

        entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
        torch.testing.assert_close(
            found, torch.tensor([0, 1, 1 - entropy / math.log(2)], dtype=torch.float64)
        )

    def test_a_region_is_worth_its_best_look(self) -> None:
        """max(own, children's), from the finest up: a grandchild's worth reaches the root."""
        values = worth(
            torch.tensor([0.1, 0.2, 0.5, 0.9, 0.3, 0.2]),
            torch.zeros(6, NUM_CELLS),
            TWO_WALKS,
            bootstrap=False,
        )

        assert values.tolist() == pytest.approx([0.9, 0.9, 0.5, 0.9, 0.3, 0.2])

    def test_bootstrap_adds_the_best_promise_of_coarse_looks(self) -> None:
        """A region whose best cell promises 0.95 is worth that, read or not; the finest looks promise nothing."""
        logits = torch.full((6, NUM_CELLS), -9.0)
        logits[1, 2] = math.log(0.95 / 0.05)
        logits[3, 0] = 9.0  # finest

        values = worth(torch.full((6,), 0.1), logits, TWO_WALKS, bootstrap=True)

        assert values.tolist() == pytest.approx([0.95, 0.95, 0.1, 0.1, 0.1, 0.1])

    def test_the_loss_by_hand(self) -> None:
        """Cross-entropy of each chosen cell, a mean per image and depth, then over images, summed over depths."""
        torch.manual_seed(0)
        logits, values = torch.randn(6, NUM_CELLS), torch.rand(6)

        def each(row: int) -> float:
            logit = logits[TWO_WALKS.parent[row], TWO_WALKS.cell[row]]
            p, value = float(torch.sigmoid(logit)), float(values[row])
            return -(value * math.log(p) + (1 - value) * math.log(1 - p))

        expected = ((each(1) + each(2)) / 2 + each(5)) / 2 + each(3) / 2

        assert float(dense_loss(logits, values, TWO_WALKS)) == pytest.approx(expected, rel=1e-5)

    def test_cells_that_were_not_looked_at_learn_nothing(self) -> None:
        """Only (look, cell) pairs that were taken have a gradient."""
        logits = torch.randn(6, NUM_CELLS, requires_grad=True)

        dense_loss(logits, torch.rand(6), TWO_WALKS).backward()

        assert logits.grad is not None
        touched = {tuple(pair) for pair in torch.nonzero(logits.grad).tolist()}
        assert touched == {(0, 3), (0, 0), (1, 2), (4, 1)}
