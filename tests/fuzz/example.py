"""One example of the long run: the same number is always the same damaged file."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from tests.fuzz.damage import damaged
from tests.fuzz.originals import Original, originals

MADE_FRACTION = 0.4


def example(number: int) -> Original:
    """The damaged file of this number; of those that are made here a good part, as they are all supported."""
    chance = Random(number)
    made, real = _originals()
    known = made if chance.random() < MADE_FRACTION or not real else real
    return damaged(known[chance.randrange(len(known))], chance)


@lru_cache(maxsize=1)
def _originals() -> tuple[list[Original], list[Original]]:
    found = originals(with_large=True)
    return [one for one in found if one.is_made], [one for one in found if not one.is_made]
