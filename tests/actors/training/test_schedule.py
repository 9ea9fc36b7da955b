"""Order of images and learning rates, against their definitions."""

from __future__ import annotations

from itertools import chain

import pytest

from actors.training.config import OptimiserConfig
from actors.training.schedule import learning_rate, num_steps, steps_of_epoch

ITEMS = tuple(range(10))


class TestSteps:
    def test_an_epoch_is_every_image_once(self) -> None:
        """All images come, each once, in steps of the batch size."""
        steps = [list(step) for step in steps_of_epoch(ITEMS, batch_size=4, seed=0, epoch=3)]

        assert [len(step) for step in steps] == [4, 4, 2]
        assert sorted(chain.from_iterable(steps)) == list(ITEMS)

    def test_the_order_belongs_to_seed_and_epoch(self) -> None:
        """The same seed and epoch give the same order, another epoch gives another."""
        first, again, other = (
            [list(step) for step in steps_of_epoch(ITEMS, batch_size=4, seed=1, epoch=epoch)]
            for epoch in (0, 0, 1)
        )

        assert first == again
        assert first != other

    @pytest.mark.parametrize(("num_workers", "expected"), [(1, 3), (2, 3), (3, 2)])
    def test_a_step_has_an_image_for_every_worker(self, num_workers: int, expected: int) -> None:
        """A rest of two images is a step for two workers, and none for three."""
        steps = steps_of_epoch(ITEMS, batch_size=4, seed=0, epoch=0, num_workers=num_workers)

        assert len(list(steps)) == expected
        assert num_steps(10, batch_size=4, num_workers=num_workers) == expected


class TestLearningRate:
    def test_the_paper_drops_once_by_ten_at_four_fifths(self) -> None:
        """1e-4 until 80 % of the steps, then 1e-5."""
        config = OptimiserConfig()

        assert learning_rate(config, 1e-4, 0.79) == 1e-4
        assert learning_rate(config, 1e-4, 0.80) == pytest.approx(1e-5)

    def test_linear_decay_ends_at_one_percent(self) -> None:
        """Half-way between `decay_from` and the end half is left; at the end 1 %."""
        config = OptimiserConfig(decay="linear", decay_from=0.6)

        assert learning_rate(config, 1.0, 0.5) == 1.0
        assert learning_rate(config, 1.0, 0.8) == pytest.approx(0.5)
        assert learning_rate(config, 1.0, 1.0) == pytest.approx(0.01)

    def test_none_stays(self) -> None:
        """Without decay the rate never changes."""
        assert learning_rate(OptimiserConfig(decay="none"), 0.3, 0.99) == 0.3
