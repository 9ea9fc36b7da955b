"""Who gets how much of an archive's budget: everybody a little first, then those of whom least is certain. Pure.

Shares are bounds, not prices: what an image does not use is there for the next. Looks and bytes are handed out until
there are none; of seconds everybody may use all that are left, in the order of need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.budget.archive_budget import Unit
from pipeline.image_record import ImageRecord
from pipeline.walk.allowance import Allowance

FIRST_SHARE = 0.5
"""Of the budget: what all images together get first."""
FIRST_LOOKS = 0.25
"""Of the looks that an image may take: those of its first share, where time is what is bounded."""
SLACK = 1.5
"""How much more is set aside for the rest of a walk than its beginning suggests."""
GROWTH = 4
"""How many times as much as it has read an image gets whose share did not suffice even for a first look."""
LEAST_BYTES = 2**20
"""What such an image gets at least: many headers are longer than its first share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an image is. Of those that may be walked on only."""

    record: ImageRecord
    """The manifest's row."""
    confidence: float | None = None
    """Of the prediction so far; None: there is none."""
    looks: int = 0
    """Taken."""
    num_bytes: int = 0
    """Read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An image, and what it may spend."""

    record: ImageRecord
    """The manifest's row."""
    allowance: Allowance
    """Bounds of its walk."""


def first_shares(
    records: Sequence[ImageRecord], unit: Unit, left: float, most_looks: int | None
) -> list[Share]:
    """The same for everybody, in the order of the manifest; nothing for the last where it does not go round.

    Args:
        records: images of which nothing is known.
        unit: of the budget.
        left: of it; for seconds, `time.time()` at which it ends.
        most_looks: an image's own budget; None: no end.
    """
    if not records:
        return []
    if unit == "seconds":
        looks = None if most_looks is None else max(1, int(most_looks * FIRST_LOOKS))
        allowance = Allowance(looks=looks, until_s=left)
        return [Share(record=record, allowance=allowance) for record in records]
    each = max(1, int(left * FIRST_SHARE / len(records)))
    if unit == "looks" and most_looks is not None:
        each = min(each, most_looks)
    served = records[: max(0, int(left)) // each]
    return [Share(record=record, allowance=_bounded(unit, each, 0)) for record in served]


def next_shares(
    standings: Sequence[Standing], unit: Unit, left: float, most_looks: int | None
) -> list[Share]:
    """What is left, to those of whom least is certain, each as much as the rest of its walk may need."""
    in_need = sorted(standings, key=_need)
    if unit == "seconds":
        until = Allowance(until_s=left)
        return [Share(record=one.record, allowance=until) for one in in_need]
    shares = []
    rest = int(left)
    for one in in_need:
        wanted = _looks(one, most_looks) if unit == "looks" else _bytes(one, most_looks)
        granted = min(wanted, rest)
        if granted <= 0:
            break
        rest -= granted
        shares.append(Share(record=one.record, allowance=_bounded(unit, granted, one.looks)))
    return shares


def _need(one: Standing) -> tuple[float, str]:
    """Who has no prediction comes first; equals in the order of their ids, so that a run repeats."""
    return (-1.0 if one.confidence is None else one.confidence, one.record.sample_id)


def _looks(one: Standing, most: int | None) -> int:
    return max(1, one.looks) if most is None else most - one.looks


def _bytes(one: Standing, most: int | None) -> int:
    """What the beginning of its walk says of the rest of it; opening it again included."""
    if one.looks == 0:
        return max(LEAST_BYTES, GROWTH * one.num_bytes)
    looks = 2 * one.looks if most is None else most
    return int(SLACK * one.num_bytes * looks / one.looks)


def _bounded(unit: Unit, granted: int, looks: int) -> Allowance:
    """`looks`: taken already."""
    if unit == "looks":
        return Allowance(looks=looks + granted, granted=granted)
    return Allowance(num_bytes=granted, granted=granted)
