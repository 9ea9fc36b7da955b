"""Looks that a walk has behind it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region
from pipeline.walk.glimpse import Glimpse, Position


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """A look that was taken, in the order of the walk."""

    glimpse: Glimpse
    """Where, and why there."""
    kept: NDArray[np.float32]
    """(R,) what the aggregation keeps of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLook:
    """A look that could not be read."""

    glimpse: Glimpse
    """Where, and why there."""
    after: int
    """Number of good looks decided before it."""
    wave: int
    """Which wave it was in, from 0."""
    error: str
    """What went wrong."""


_NO_PARENT = Position(-1, 0, 0)
_PLACE_NUMBERS = 10
"""Position, region and parent of a look."""


class Looks(Sequence[Look]):
    """Grows with the walk. Held as columns of numbers, for a full scan of a gigapixel image has a million of them.

    As objects they would take ten times the memory; a `Look` is made when it is asked for.
    """

    def __init__(self) -> None:
        self._places = array("q")  # (L, 10), flat, as all three
        self._scores = array("d")  # (L, 2)
        self._kept = array("f")  # (L, R)
        self._waves = array("i")  # (L,)
        self._num_kept = 0

    def append(self, glimpse: Glimpse, kept: NDArray[np.float32], wave: int) -> None:
        """One more look; `kept` is (R,), the same R for all. `wave`: which wave of its walk it was in, from 0."""
        region, parent = glimpse.region, glimpse.parent or _NO_PARENT
        box = (region.y, region.x, region.height, region.width)
        self._places.extend((*glimpse.position, *box, *parent))
        self._scores.extend((glimpse.score, glimpse.cell_log_prob))
        self._kept.frombytes(np.asarray(kept, np.float32).tobytes())
        self._num_kept = len(kept)
        self._waves.append(wave)

    def wave(self, index: int) -> int:
        """Which wave the look of this number, from 0, was in; a walk decides, and stops, only between waves."""
        return self._waves[index]

    @property
    def kept(self) -> NDArray[np.float32]:
        """(L, R) what the aggregation keeps of all of them; a copy."""
        return np.array(self._kept, np.float32).reshape(len(self), self._num_kept)

    def __len__(self) -> int:
        return len(self._scores) // 2

    @overload
    def __getitem__(self, index: int) -> Look: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Look]: ...
    def __getitem__(self, index: int | slice) -> Look | Sequence[Look]:
        if isinstance(index, slice):
            return [self._made(one) for one in range(len(self))[index]]
        return self._made(range(len(self))[index])

    def _made(self, index: int) -> Look:
        first = index * self._num_kept
        kept = np.array(self._kept[first : first + self._num_kept], np.float32)
        return Look(glimpse=self.glimpse(index), kept=kept)

    def glimpse(self, index: int) -> Glimpse:
        """Where the look of this number, from 0, was taken."""
        first = index * _PLACE_NUMBERS
        place = self._places[first : first + _PLACE_NUMBERS]
        parent = Position(*place[7:])
        score, cell_log_prob = self._scores[2 * index : 2 * index + 2]
        return Glimpse(
            position=Position(*place[:3]),
            region=Region(*place[3:7]),
            parent=None if parent == _NO_PARENT else parent,
            score=score,
            cell_log_prob=cell_log_prob,
        )
