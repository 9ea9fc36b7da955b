"""Damaged files, a few seconds of them: the same ones every time. `make fuzz` is the long run."""

from __future__ import annotations

import tempfile
import warnings
from functools import lru_cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.damage import damaged
from tests.fuzz.originals import Original, originals
from tests.fuzz.visit import visit

pytestmark = pytest.mark.timeout(120)


@lru_cache(maxsize=1)
def small() -> list[Original]:
    """Good images of few bytes."""
    return originals(with_large=False)


class TestHostileFiles:
    @settings(
        max_examples=800,
        derandomize=True,
        deadline=10_000,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(number=st.integers(0, 10_000), chance=st.randoms(use_true_random=False))
    def test_damage_is_told_in_our_own_words(self, number: int, chance: Random) -> None:
        """Whatever bytes are flipped, cut, inserted or overwritten: no other error than ours, and soon."""
        original = small()[number % len(small())]
        with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy's and tifffile's words
            path = damaged(original, chance).write(Path(directory))

            assert visit(path, Random(number)) in ("read", "damaged", "refused")

    def test_good_files_are_read(self) -> None:
        """What is made here is read whole as long as nobody damages it."""
        for original in small():
            if not original.is_made:  # a real one, odd as it may be
                continue
            with tempfile.TemporaryDirectory() as directory:
                path = original.write(Path(directory))

                assert visit(path, Random(0)) == "read", original.name
