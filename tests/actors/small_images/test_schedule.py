"""The papers' schedules: what Torch did, when rates fall, and what becomes of them in fewer epochs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from actors.small_images.schedule import SCHEDULES, schedule_of
from models.small_images.catalogue import SMALL_IMAGES
from pipeline.errors import UsageError


class TestLtpa:
    def test_steps_are_those_of_torchs_sgd(self) -> None:
        """Three steps equal Torch's formula: g with weight decay, d = 0.9 d + 0.1 g, of the first step d = g."""
        schedule = SCHEDULES["ltpa"]
        start, targets = np.array([2.0, -1.0, 0.5]), np.array([0.3, 0.7, -0.2])
        weights = nn.Parameter(torch.tensor(start))
        optimiser = schedule.make_optimiser([weights])
        expected, direction = start.copy(), np.zeros(3)
        for step in range(3):
            rate = schedule.rate_at(step, steps_per_epoch=390)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad()
            (0.5 * (weights - torch.tensor(targets)) ** 2).sum().backward()
            optimiser.step()

            gradient = (expected - targets) + 5e-4 * expected
            direction = gradient if step == 0 else 0.9 * direction + (1 - 0.9) * gradient
            expected = expected - 1 / (1 + step * 1e-7) * direction

        np.testing.assert_allclose(weights.detach().numpy(), expected, rtol=1e-12)

    def test_dampening_makes_a_rate_of_1_one_of_a_tenth(self) -> None:
        """A steady gradient moves the weights by 1 per step in the end, and by 10 without dampening."""
        moves = {}
        for dampening in (0.9, 0.0):
            weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
            optimiser = torch.optim.SGD([weight], lr=1, momentum=0.9, dampening=dampening)
            before = 0.0
            for _ in range(200):
                weight.grad = torch.ones(1, dtype=torch.float64)
                before = float(weight.detach())
                optimiser.step()
            moves[dampening] = before - float(weight.detach())

        assert moves == {0.9: pytest.approx(1), 0.0: pytest.approx(10)}
        assert SCHEDULES["ltpa"].dampening == 0.9

    def test_the_rate_is_halved_every_25_epochs(self) -> None:
        """1 at first, a half after 25 epochs of 390 steps, 1 / 2^11 in the end, but for the decay of 1e-7 a step."""
        schedule = SCHEDULES["ltpa"]
        found = [
            schedule.rate_at(epoch * 390, 390) * (1 + 1e-7 * epoch * 390)
            for epoch in (0, 24, 25, 49, 50, 299)
        ]

        assert found == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.5**11])


class TestOthers:
    def test_rn164_falls_to_a_fifth(self) -> None:
        """After 60, 120 and 160 of 200 epochs, with Nesterov's momentum and no dampening."""
        schedule = SCHEDULES["rn164"]
        found = [schedule.rate_at(epoch * 10, 10) for epoch in (59, 60, 119, 120, 160, 199)]

        assert found == pytest.approx([0.1, 0.02, 0.02, 0.004, 0.0008, 0.0008])
        assert (schedule.nesterov, schedule.dampening, schedule.batch_size) == (True, 0, 64)

    def test_cosine_ends_at_nothing(self) -> None:
        """0.1 at the start, half of it half way, next to 0 at the last step; it never rises."""
        schedule = schedule_of("cbam", epochs=4)
        found = [schedule.rate_at(step, 25) for step in range(100)]

        assert (found[0], found[50]) == pytest.approx((0.1, 0.05))
        assert found[-1] < 1e-4
        assert all(after < before for before, after in pairwise(found))

    def test_every_network_has_one(self) -> None:
        """The catalogue names only schedules that exist; ResNet18's is plain SGD, PatchConvNet's AdamW."""
        assert {one.schedule for one in SMALL_IMAGES.values()} <= set(SCHEDULES)
        parameters = [nn.Parameter(torch.zeros(1))]
        assert type(SCHEDULES["cbam"].make_optimiser(parameters)) is torch.optim.SGD
        assert type(SCHEDULES["adamw"].make_optimiser(parameters)) is torch.optim.AdamW


class TestFewerEpochs:
    def test_the_curve_shrinks_in_proportion(self) -> None:
        """A tenth of the epochs falls at a tenth of the steps, as often."""
        whole, short = schedule_of("rn164"), schedule_of("rn164", epochs=20)

        for step in range(0, 200, 7):
            assert short.rate_at(step, 10) == pytest.approx(whole.rate_at(10 * step, 10))

    def test_another_curve_may_be_asked_for(self) -> None:
        """Learn to Pay Attention's rate at half of a cosine is a half, where its steps are at 1/64; it is said."""
        steps, cosine = schedule_of("ltpa", epochs=6), schedule_of("ltpa", epochs=6, curve="cosine")

        assert steps.rate_at(30, 10) == pytest.approx(1 / 64, rel=1e-4)
        assert cosine.rate_at(30, 10) == pytest.approx(1 / 2, rel=1e-4)
        assert "the cosine of the learning rate shrunk" in cosine.told()

    def test_less_dropout_is_said(self) -> None:
        """Beside what else was changed; all of it is not worth a word."""
        assert "0.5 of the network's dropout" in schedule_of("ltpa", dropout=0.5).told()
        assert "dropout" not in schedule_of("ltpa").told()

    def test_steps_want_epochs_to_fall_at(self) -> None:
        """Where nobody published any, asking for steps is an error that says what to do."""
        with pytest.raises(UsageError, match="give --curve cosine"):
            schedule_of("cbam", curve="steps")

    def test_the_rate_goes_with_the_batch(self) -> None:
        """A quarter of the batch has a quarter of the rate, and it is said."""
        schedule = schedule_of("cbam", epochs=5, batch_size=32)

        assert schedule.rate_at(0, 10) == pytest.approx(0.025)
        assert "5 of the paper's 200 epochs" in schedule.told()
        assert "0.025 at the start, scaled from 0.1" in schedule.told()
        assert "shrunk" not in schedule_of("cbam").told()

    @pytest.mark.parametrize(
        ("epochs", "batch_size", "learning_rate"), [(0, 8, 1.0), (1, 1, 1.0), (1, 8, 0.0)]
    )
    def test_nothing_is_refused(self, epochs: int, batch_size: int, learning_rate: float) -> None:
        """No epochs, batches of one, a rate of 0."""
        with pytest.raises(UsageError, match="wanted 1 epoch"):
            schedule_of("cbam", epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
