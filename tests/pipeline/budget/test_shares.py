"""Rules of handing out a budget, on paper."""

from __future__ import annotations

import random

import pytest

from pipeline.budget.archive_budget import Unit
from pipeline.budget.shares import LEAST_BYTES, Share, Standing, first_shares, next_shares
from pipeline.image_record import ImageRecord


def record(number: int) -> ImageRecord:
    """One of many images."""
    return ImageRecord(sample_id=f"{number:04d}", image_path=f"{number}.tif")


def standing(number: int, confidence: float | None, looks: int, num_bytes: int) -> Standing:
    """How far one of them is."""
    return Standing(record=record(number), confidence=confidence, looks=looks, num_bytes=num_bytes)


def granted(shares: list[Share]) -> int:
    """All of it."""
    return sum(one.allowance.granted for one in shares)


class TestFirstShares:
    @pytest.mark.parametrize("unit", ["looks", "bytes"])
    def test_everybody_gets_the_same_of_half(self, unit: Unit) -> None:
        """Ten images and a budget of 1000: 50 each, and that is what they may spend."""
        shares = first_shares([record(n) for n in range(10)], unit, 1000, None)

        assert [one.allowance.granted for one in shares] == [50] * 10
        bounds = {(one.allowance.looks, one.allowance.num_bytes) for one in shares}
        assert bounds == ({(50, None)} if unit == "looks" else {(None, 50)})

    def test_no_more_looks_than_a_walk_takes(self) -> None:
        """An image's own budget holds."""
        [share] = first_shares([record(0)], "looks", 1000, 30)

        assert share.allowance.looks == 30

    def test_too_little_goes_to_the_first(self) -> None:
        """Three looks for ten images are one look each for three of them; none for nobody."""
        records = [record(n) for n in range(10)]

        assert [one.record for one in first_shares(records, "looks", 3, None)] == records[:3]
        assert first_shares(records, "looks", 0, None) == []
        assert first_shares(records, "looks", -5, None) == []
        assert first_shares([], "looks", 100, None) == []

    def test_time_is_everybodys(self) -> None:
        """With seconds all images have the same end, and a quarter of their looks at first."""
        shares = first_shares([record(n) for n in range(4)], "seconds", 1e9, 40)

        assert {(one.allowance.looks, one.allowance.until_s) for one in shares} == {(10, 1e9)}
        assert granted(shares) == 0


class TestNextShares:
    def test_the_least_certain_come_first(self) -> None:
        """No prediction before a poor one before a good one; equals by their names."""
        standings = [
            standing(1, 0.9, 5, 500),
            standing(2, 0.3, 5, 500),
            standing(4, None, 0, 0),
            standing(3, 0.3, 5, 500),
        ]
        shares = next_shares(standings, "looks", 10**6, 20)

        assert [one.record.sample_id for one in shares] == ["0004", "0002", "0003", "0001"]

    def test_looks_are_those_of_the_rest_of_the_walk(self) -> None:
        """Of 20 looks 5 are taken: 15 are set aside, and 20 is where the walk ends."""
        [share] = next_shares([standing(0, 0.5, 5, 500)], "looks", 1000, 20)

        assert (share.allowance.granted, share.allowance.looks) == (15, 20)

    def test_the_last_gets_what_is_left(self) -> None:
        """Of 20 looks left the first in need takes 15, the second 5, the third nothing."""
        standings = [standing(n, 0.1 * n, 5, 500) for n in range(3)]
        shares = next_shares(standings, "looks", 20, 20)

        assert [one.allowance.granted for one in shares] == [15, 5]

    def test_bytes_are_estimated_from_the_beginning(self) -> None:
        """5 looks cost 500 bytes; 20, opened anew, may cost half as much again as four times that."""
        [share] = next_shares([standing(0, 0.5, 5, 500)], "bytes", 10**6, 20)

        assert share.allowance.num_bytes == share.allowance.granted == 3000

    def test_who_could_not_even_be_opened_gets_a_real_share(self) -> None:
        """Without a look the estimate grows with what was read, and never begins too small."""
        tried, untried = standing(0, None, 0, 10**6), standing(1, None, 0, 0)
        shares = next_shares([tried, untried], "bytes", 10**9, 20)

        assert [one.allowance.granted for one in shares] == [4 * 10**6, LEAST_BYTES]

    @pytest.mark.parametrize("unit", ["looks", "bytes"])
    @pytest.mark.parametrize("seed", range(20))
    def test_never_more_than_there_is(self, unit: Unit, seed: int) -> None:
        """Whatever the images and whatever is left: what is handed out is not more, and nobody gets two shares."""
        rng = random.Random(seed)
        standings = [
            standing(
                n, rng.choice([None, rng.random()]), rng.randrange(0, 50), rng.randrange(10**7)
            )
            for n in range(rng.randrange(1, 60))
        ]
        left = rng.randrange(0, 10**8) if unit == "bytes" else rng.randrange(0, 2000)
        shares = next_shares(standings, unit, left, rng.choice([None, 50]))

        assert granted(shares) <= left
        assert all(one.allowance.granted > 0 for one in shares)
        assert len({one.record.sample_id for one in shares}) == len(shares)
