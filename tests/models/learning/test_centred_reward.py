"""The batch's mean as the baseline of rewards, and a penalty that does not grow with the network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.depth_norm import DepthNorm
from models.learning.centred_reward import centred_policy_loss
from models.learning.weight_penalty import mean_square_weight


class TestCentredReward:
    def test_gradient_by_hand(self) -> None:
        """Two images of two choices, one right: each choice is pushed by (R - 0.5) * (1{chosen} - p) / 4."""
        logits = torch.zeros(2, 2, 3, requires_grad=True)
        choices = torch.tensor([[0, 1], [2, 2]])
        log_probs = logits.log_softmax(dim=2).gather(2, choices[..., None])[..., 0]
        centred_policy_loss(log_probs, torch.tensor([1.0, 0.0])).backward()
        expected = torch.empty(2, 2, 3)
        for image, advantage in enumerate((0.5, -0.5)):
            for step in range(2):
                for place in range(3):
                    is_chosen = float(choices[image, step] == place)
                    expected[image, step, place] = -advantage * (is_chosen - 1 / 3) / 4

        torch.testing.assert_close(logits.grad, expected)

    def test_a_batch_that_is_all_right_teaches_nothing(self) -> None:
        """What everybody gets is no reason to do anything."""
        log_probs = torch.randn(5, 3, requires_grad=True)
        centred_policy_loss(log_probs, torch.ones(5)).backward()

        assert log_probs.grad is not None
        assert not log_probs.grad.any()


class TestWeightPenalty:
    def test_is_the_mean_square_without_biases_and_norms(self) -> None:
        """Weights of 1 and 3 in layers of 2 and 6 numbers; what normalises and what is added is left out."""
        model = nn.Sequential(
            nn.Linear(2, 1),
            nn.BatchNorm1d(1),
            nn.Linear(1, 6, bias=False),
            DepthNorm(6, num_depths=2),
        )
        nn.init.constant_(model[0].weight, 1.0)
        nn.init.constant_(model[2].weight, 3.0)
        nn.init.constant_(model[0].bias, 100.0)
        nn.init.constant_(model[1].weight, 100.0)

        assert float(mean_square_weight(model).detach()) == pytest.approx((2 * 1 + 6 * 9) / 8)
