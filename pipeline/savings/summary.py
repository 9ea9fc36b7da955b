"""Measures of many images to one line per way and budget, with intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipeline.savings.measure import AMOUNTS, WALKS, Measure, Way

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean or a share with its 95 % interval."""

    value: float
    """Mean, or share."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""
    count: int
    """Images behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsLine:
    """One way at one budget, over the archive."""

    way: Way
    """How it was read."""
    budget: int | None
    """Most looks; None: all."""
    is_run: bool
    """False: counted from indexes, nothing was read."""
    num_images: int
    """Images in it."""
    accuracy: Estimate | None
    """Share of right predictions among images with a true label (Wilson)."""
    agreement: Estimate | None
    """Share of predictions that the full scan shares, among images that had one (Wilson)."""
    amounts: dict[str, Estimate]
    """Per name of `AMOUNTS`, mean per image (Student's t); those that are known for every image."""


def share(hits: int, count: int) -> Estimate:
    """A proportion with Wilson's interval."""
    interval = stats.binomtest(hits, count).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(value=hits / count, low=interval.low, high=interval.high, count=count)


def mean(values: Sequence[float]) -> Estimate:
    """A mean of amounts, none below 0, with Student's interval; of one value it is that value."""
    centre = float(np.mean(values))
    half = 0.0
    if len(values) > 1:
        error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
        half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    low = max(centre - half, 0.0)  # of two images it may be wider than the amount itself
    return Estimate(value=centre, low=low, high=centre + half, count=len(values))


def summarise(measures: Iterable[Measure]) -> list[SavingsLine]:
    """A line per way and budget, walks first, budgets upwards."""
    groups: defaultdict[tuple[Way, int | None, bool], list[Measure]] = defaultdict(list)
    for measure in measures:
        groups[measure.way, measure.budget, measure.is_run].append(measure)
    return [_line(*key, groups[key]) for key in sorted(groups, key=_place)]


def _place(key: tuple[Way, int | None, bool]) -> tuple[int, float, bool]:
    way, budget, is_run = key
    ways = (*WALKS, "foreground", "full_scan")
    return ways.index(way), math.inf if budget is None else budget, is_run


def _line(way: Way, budget: int | None, is_run: bool, group: Sequence[Measure]) -> SavingsLine:
    amounts: dict[str, Estimate] = {}
    for name in AMOUNTS:
        values = [getattr(measure, name) for measure in group]
        if None not in values:
            amounts[name] = mean(values)
    return SavingsLine(
        way=way,
        budget=budget,
        is_run=is_run,
        num_images=len(group),
        accuracy=_share_of([measure.is_right for measure in group]),
        agreement=_share_of([measure.agrees for measure in group]),
        amounts=amounts,
    )


def _share_of(answers: Sequence[bool | None]) -> Estimate | None:
    known = [answer for answer in answers if answer is not None]
    return share(sum(known), len(known)) if known else None
