"""How many windows fit: plain arithmetic, so that it can be tested without a GPU."""

from __future__ import annotations

import pytest

from actors.gpu_memory import LARGEST, batch_size_for
from models.errors import ModelError

MB = 10**6


class TestBatchSize:
    @pytest.mark.parametrize(
        ("room", "fixed", "per_window", "lanes"),
        [
            (1000, 0, 10, 1),
            (1000, 0, 10, 2),
            (1000, 200, 10, 2),
            (80_000, 500, 90, 2),
            (100, 10, 79, 1),
            (64_000, 0, 1, 2),
        ],
    )
    def test_it_is_the_largest_power_of_two_that_fits(
        self, room: int, fixed: int, per_window: int, lanes: int
    ) -> None:
        """By trying them all: nine tenths of the room, a batch for each lane."""
        peaks = {size: (fixed + size * per_window) * MB for size in (2, 8)}
        fitting = [
            size
            for size in (2**power for power in range(20))
            if size <= LARGEST and lanes * (fixed + size * per_window) <= 0.9 * room
        ]

        assert batch_size_for(room * MB, peaks, num_lanes=lanes) == max(fitting)

    def test_a_network_that_needs_nothing_takes_the_most(self) -> None:
        """Peaks that do not grow, or shrink by an allocator's whim, are no reason to divide by zero."""
        assert batch_size_for(1000 * MB, {2: 5 * MB, 8: 5 * MB}, num_lanes=2) == LARGEST
        assert batch_size_for(1000 * MB, {2: 5 * MB, 8: 4 * MB}, num_lanes=2) == LARGEST

    def test_no_room_for_one_window_is_told(self) -> None:
        """The message says what it takes, what there is, and the way out."""
        with pytest.raises(ModelError, match=r"takes 110 MB.*45 MB are there.*--num-gpus"):
            batch_size_for(100 * MB, {2: 120 * MB, 8: 180 * MB}, num_lanes=2)
