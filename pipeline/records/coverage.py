"""How many different pixels a growing set of boxes covers, without looking at all of them again for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from pipeline.images.region import Region
from pipeline.records.ledger import union_area

SQUARE_PX = 512
"""Boxes are cut into the squares of this side that they touch; each square counts by itself."""
_Part: TypeAlias = tuple[int, int, int, int]
"""Top, left, bottom and right; a million of them are compared, which is slow with regions."""


class Coverage:
    """Boxes of one level, counted as they come. A square that is full is all that is kept of its boxes."""

    def __init__(self) -> None:
        self.area = 0
        """Different pixels so far."""
        self._squares: dict[tuple[int, int], _Square] = {}

    def add(self, box: Region) -> None:
        """Count what of a box no earlier one covers."""
        for place, part in _cut(box):
            square = self._squares.get(place)
            if square is None:
                square = self._squares[place] = _Square()
            self.area += square.add(part)


class _Square:
    __slots__ = ("_area", "_parts")

    def __init__(self) -> None:
        self._area = 0
        self._parts: list[_Part] = []

    def add(self, part: _Part) -> int:
        """Pixels of a part of a box that no earlier one covers."""
        if self._area == SQUARE_PX**2:
            return 0
        new = _area(part) - union_area(_shared(part, self._parts))
        self._area += new
        if new:
            self._parts.append(part)
        if self._area == SQUARE_PX**2:
            self._parts.clear()
        return new


def _cut(box: Region) -> Iterator[tuple[tuple[int, int], _Part]]:
    """The squares that a box touches, and its part in each."""
    bottom, right = box.bottom, box.right
    for row in range(box.y // SQUARE_PX, (bottom - 1) // SQUARE_PX + 1):
        y = row * SQUARE_PX
        top, low = max(box.y, y), min(bottom, y + SQUARE_PX)
        for col in range(box.x // SQUARE_PX, (right - 1) // SQUARE_PX + 1):
            x = col * SQUARE_PX
            yield (row, col), (top, max(box.x, x), low, min(right, x + SQUARE_PX))


def _shared(part: _Part, others: list[_Part]) -> list[Region]:
    """What a part has in common with others."""
    top, left, bottom, right = part
    near = [
        (max(top, y), max(left, x), min(bottom, low), min(right, far))
        for y, x, low, far in others
        if y < bottom and top < low and x < right and left < far
    ]
    return [Region(y, x, low - y, far - x) for y, x, low, far in near]


def _area(part: _Part) -> int:
    top, left, bottom, right = part
    return (bottom - top) * (right - left)
