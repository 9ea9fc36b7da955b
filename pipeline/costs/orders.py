"""Looks packed into orders: rectangles that hold all of them, each as wide and as large as the rules want.

Every order is charged for a minimum area, so near looks are cheaper together and far ones apart. Greedy merging, then
changes that save: on small cases tests hold it against every possible grouping.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TypeAlias

from pipeline.costs.models import PerArea


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the ground, in km from the upper left corner of the scene."""

    top: float
    """Distance of its upper edge."""
    left: float
    """Distance of its left edge."""
    bottom: float
    """Distance of its lower edge."""
    right: float
    """Distance of its right edge."""

    @property
    def area(self) -> float:
        """In km2."""
        return (self.bottom - self.top) * (self.right - self.left)

    def around(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


Group: TypeAlias = tuple[Box, ...]
"""Footprints of one order."""
FEW = 9
"""So many footprints are grouped exactly."""
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class _Change:
    indices: tuple[int, ...]
    """Groups that are replaced."""
    before: tuple[Group, ...]
    """Those groups."""
    after: tuple[Group, ...]
    """What takes their place; empty ones are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order."""

    box: Box
    """What is delivered."""
    charged_km2: float
    """What is charged for: its area, or the minimum."""


def order_of(box: Box, rules: PerArea) -> Order:
    """A box grown about its centre until the rules allow it; where it has room it reaches the minimum area."""
    height = max(box.bottom - box.top, rules.min_width_km)
    width = max(box.right - box.left, rules.min_width_km)
    missing = rules.min_area_km2 / (height * width) if height * width else 1.0
    if missing > 1:  # charged in any case, so delivered too: grown in proportion
        height, width = height * math.sqrt(missing), width * math.sqrt(missing)
    y, x = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    grown = Box(y - height / 2, x - width / 2, y + height / 2, x + width / 2)
    return Order(box=grown, charged_km2=max(grown.area, rules.min_area_km2))


def pack(footprints: Sequence[Box], rules: PerArea) -> list[Order]:
    """Orders that hold all footprints; each footprint lies in one of them whole."""
    boxes = tuple(dict.fromkeys(footprints))
    groups = best_grouping(boxes, rules) if len(boxes) <= FEW else good_grouping(boxes, rules)
    return [order_of(_hull(group), rules) for group in groups]


def best_grouping(boxes: Group, rules: PerArea) -> list[Group]:
    """The cheapest grouping there is, from the cheapest ones of all subsets: 3^n steps."""
    best: list[tuple[float, int]] = [(0.0, 0)]  # per subset as bits: charge, and one of its groups
    for subset in range(1, 1 << len(boxes)):
        first = subset & -subset  # the group that holds the lowest footprint
        rest, part = subset ^ first, subset ^ first
        options = []
        while True:
            group = part | first
            options.append(
                (_charge(_members(boxes, group), rules) + best[subset ^ group][0], group)
            )
            if not part:
                break
            part = (part - 1) & rest
        best.append(min(options))
    groups, left = [], (1 << len(boxes)) - 1
    while left:
        group = best[left][1]
        groups.append(_members(boxes, group))
        left ^= group
    return groups


def good_grouping(boxes: Group, rules: PerArea) -> list[Group]:
    """A cheap grouping of many: merged greedily, or all in one, and then changed as long as that saves."""
    starts = [_merged([(box,) for box in boxes], rules), [boxes]]
    return min(
        (_improved(start, rules) for start in starts), key=lambda groups: charged(groups, rules)
    )


def _members(boxes: Group, bits: int) -> Group:
    return tuple(box for index, box in enumerate(boxes) if bits >> index & 1)


def charged(groups: Sequence[Group], rules: PerArea) -> float:
    """km2 that a grouping is charged for."""
    return sum(_charge(group, rules) for group in groups)


@lru_cache(maxsize=100_000)
def _charge(group: Group, rules: PerArea) -> float:
    return order_of(_hull(group), rules).charged_km2 if group else 0.0


def _hull(group: Sequence[Box]) -> Box:
    hull = group[0]
    for box in group[1:]:
        hull = hull.around(box)
    return hull


def _merged(singles: Sequence[Group], rules: PerArea) -> list[Group]:
    """Merge the pair that saves most, until none saves."""
    groups = list(singles)
    hulls = [_hull(group) for group in groups]
    charges = [order_of(hull, rules).charged_km2 for hull in hulls]
    while len(groups) > 1:
        savings = (
            (charges[i] + charges[j] - order_of(hulls[i].around(hulls[j]), rules).charged_km2, i, j)
            for i, j in combinations(range(len(groups)), 2)
        )
        saved, i, j = max(savings)
        if saved < 0:
            break
        groups[i] += groups.pop(j)
        hulls[i] = hulls[i].around(hulls.pop(j))
        charges.pop(j)
        charges[i] = order_of(hulls[i], rules).charged_km2
    return groups


def _improved(groups: list[Group], rules: PerArea) -> list[Group]:
    """Take the change that saves most, until none saves."""
    while True:
        saved, change = max(
            ((_saved(change, rules), change) for change in _changes(groups)),
            key=lambda pair: pair[0],
            default=(0.0, None),
        )
        if change is None or saved <= _NOTHING:
            return groups
        kept = [group for index, group in enumerate(groups) if index not in change.indices]
        groups = [*kept, *(group for group in change.after if group)]


def _saved(change: _Change, rules: PerArea) -> float:
    return charged(change.before, rules) - charged(change.after, rules)


def _changes(groups: Sequence[Group]) -> Iterator[_Change]:
    """Two orders as one; one cut in two; one look, or all on one side of a cut, moved to another order."""
    for i, group in enumerate(groups):
        parts = [
            *_cuts(group),
            *((tuple(b for b in group if b is not box), (box,)) for box in group),
        ]
        for rest, part in parts if len(group) > 1 else [((), group)]:
            if rest:
                yield _Change((i,), (group,), (rest, part))
            for j, target in enumerate(groups):
                if j != i:
                    yield _Change((i, j), (group, target), (rest, target + part))


def _cuts(group: Group) -> Iterator[tuple[Group, Group]]:
    for key in (lambda box: (box.top, box.left), lambda box: (box.left, box.top)):
        ordered = tuple(sorted(group, key=key))
        for at in range(1, len(ordered)):
            yield ordered[:at], ordered[at:]
            yield ordered[at:], ordered[:at]
