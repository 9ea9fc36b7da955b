"""The looks at one image as they are written: what each came to, and what all up to it had cost."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from pipeline.records.running_cost import CostSoFar, RunningCost
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.image_walk import ImageWalk, ReadTrace
from pipeline.walk.look import FailedLook

_COST_NUMBERS, _READ_NUMBERS = 6, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GlimpseRow:
    """One look, as it is written."""

    order: int
    """0 is the first look."""
    wave: int
    """Looks that were decided together; 0 is the first wave."""
    glimpse: Glimpse
    """Where, and why there."""
    level: int | None
    """Level that was read; None when nothing could be."""
    class_index_so_far: int | None
    """Prediction after this look."""
    confidence_so_far: float | None
    """Its probability."""
    class_index_alone: int | None
    """What this look says by itself."""
    confidence_alone: float | None
    """Its probability."""
    cost_so_far: CostSoFar
    """Of the header and of the looks up to this one."""
    status: Literal["ok", "partial", "failed"]
    """`partial`: some of its tiles show background because they could not be read."""
    error: str | None
    """What went wrong, for a failed look."""


class GlimpseRows(Sequence[GlimpseRow]):
    """Good and failed looks in the order of their choosing. Columns, as the looks are: a row is made when asked for.

    Args:
        image: its walk is over.
        so_far: (L, K) class probabilities after each good look.
        alone: (L, K) class probabilities of each good look by itself.
        cost: of nothing but opening it; of all looks after this.
    """

    def __init__(
        self,
        image: ImageWalk,
        so_far: NDArray[np.float64],
        alone: NDArray[np.float64],
        cost: RunningCost,
    ) -> None:
        self._looks = image.traversal.looks
        self._failed = {
            one.after + before: one for before, one in enumerate(image.traversal.failed_looks)
        }
        self._failed_orders = list(self._failed)  # ascending
        self._classes = so_far.argmax(axis=1)  # (L,)
        self._confidences = so_far.max(axis=1)  # (L,)
        self._classes_alone = alone.argmax(axis=1)  # (L,)
        self._confidences_alone = alone.max(axis=1)  # (L,)
        self._reads = array("i")  # (L, 2) level, and tiles of it that failed, flat
        self._costs = array("q", astuple(cost.so_far))  # (1 + L, 6) from before the first look on
        for index in range(len(self._looks)):
            self._read(image.trace(self._looks.glimpse(index)), cost)

    def _read(self, trace: ReadTrace, cost: RunningCost) -> None:
        cost.add(trace)
        self._reads.extend((trace.plan.level, trace.num_failed_tiles))
        self._costs.extend(astuple(cost.so_far))

    def __len__(self) -> int:
        return len(self._looks) + len(self._failed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GlimpseRows):
            return NotImplemented
        return len(self) == len(other) and all(
            one == another for one, another in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # as of any sequence that may be large

    @overload
    def __getitem__(self, index: int) -> GlimpseRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[GlimpseRow]: ...
    def __getitem__(self, index: int | slice) -> GlimpseRow | Sequence[GlimpseRow]:
        if isinstance(index, slice):
            return [self._made(order) for order in range(len(self))[index]]
        return self._made(range(len(self))[index])

    def _made(self, order: int) -> GlimpseRow:
        gone = self._failed.get(order)
        if gone is not None:
            return self._failed_row(order, gone)
        look = order - bisect_left(self._failed_orders, order)
        level, num_failed_tiles = self._reads[_READ_NUMBERS * look : _READ_NUMBERS * (look + 1)]
        return GlimpseRow(
            order=order,
            wave=self._looks.wave(look),
            glimpse=self._looks.glimpse(look),
            level=level,
            class_index_so_far=int(self._classes[look]),
            confidence_so_far=float(self._confidences[look]),
            class_index_alone=int(self._classes_alone[look]),
            confidence_alone=float(self._confidences_alone[look]),
            cost_so_far=self._cost_after(look + 1),
            status="partial" if num_failed_tiles else "ok",
            error=None,
        )

    def _failed_row(self, order: int, gone: FailedLook) -> GlimpseRow:
        return GlimpseRow(
            order=order,
            wave=gone.wave,
            glimpse=gone.glimpse,
            level=None,
            class_index_so_far=None,
            confidence_so_far=None,
            class_index_alone=None,
            confidence_alone=None,
            cost_so_far=self._cost_after(gone.after),
            status="failed",
            error=gone.error,
        )

    def _cost_after(self, num_looks: int) -> CostSoFar:
        numbers = self._costs[_COST_NUMBERS * num_looks : _COST_NUMBERS * (num_looks + 1)]
        transferred, requested, requests, tiles, pixels, native_pixels = numbers
        return CostSoFar(
            transferred_bytes=transferred,
            requested_bytes=requested,
            requests=requests,
            tiles=tiles,
            pixels=pixels,
            native_pixels=native_pixels,
        )
