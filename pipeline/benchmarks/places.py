"""Where things lie: anywhere on the canvas, as published, or only inside settlements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.scene import SceneLaw
from pipeline.errors import UsageError
from pipeline.images.region import Region

Place: TypeAlias = NDArray[np.int64]
"""(2,) first row and first column."""
_ATTEMPTS = 10_000
_SCALES = (1, 2, 4)
"""Sides of settlements, as multiples of the smallest."""
_SMALLEST_SHARE = 128
"""The smallest settlement's side is this part of the canvas."""
_LEAST_DIGITS_ACROSS = 4
"""Or so many digits, if that is more."""


def digit_places(law: SceneLaw, rng: np.random.RandomState) -> NDArray[np.int64]:
    """(D, 2) corners of the digits of a scene, anywhere; draws as published.

    Raises:
        UsageError: if there is no room.
    """
    span = law.canvas_px - law.digit_px
    return _apart(law, lambda: np.round(rng.rand(2) * span).astype(int))


def settlements(law: SceneLaw, rng: np.random.Generator) -> tuple[Region, ...]:
    """Squares of three scales that share no pixel, largest first.

    Raises:
        UsageError: if there is no room.
    """
    smallest = max(law.canvas_px // _SMALLEST_SHARE, _LEAST_DIGITS_ACROSS * law.digit_px)
    sides = sorted(int(one) for one in rng.choice(_SCALES, law.num_settlements) * smallest)
    found: list[Region] = []
    for side in reversed(sides):
        for _ in range(_ATTEMPTS if side <= law.canvas_px else 0):
            y, x = (int(one) for one in rng.integers(0, law.canvas_px - side + 1, 2))
            square = Region(y, x, side, side)
            if all(square.intersection(other) is None for other in found):
                found.append(square)
                break
        else:
            raise UsageError(
                f"--settlements {law.num_settlements}: no room found on a canvas of {law.canvas_px} px "
                f"for one of {side} px; give fewer, or a larger --canvas"
            )
    return tuple(found)


def digit_places_within(
    law: SceneLaw, squares: Sequence[Region], rng: np.random.Generator
) -> NDArray[np.int64]:
    """(D, 2) corners of digits, each wholly inside one of some squares.

    Raises:
        UsageError: if there is no room.
    """
    return _apart(law, lambda: _place_within(squares, law.digit_px, rng))


def noise_places_within(
    law: SceneLaw, squares: Sequence[Region], rng: np.random.Generator
) -> NDArray[np.int64]:
    """(N, 2) corners of noise, each wholly inside one of some squares."""
    places = [_place_within(squares, law.noise_px, rng) for _ in range(law.num_noise)]
    return np.array(places, int).reshape(-1, 2)


def _place_within(squares: Sequence[Region], side_px: int, rng: np.random.Generator) -> Place:
    square = squares[int(rng.integers(len(squares)))]
    offset = rng.integers(0, max(square.height - side_px, 0) + 1, 2)
    return np.array((square.y, square.x)) + offset


def _apart(law: SceneLaw, draw: Callable[[], Place]) -> NDArray[np.int64]:
    """(D, 2) places as they are drawn, without those closer than a digit on both axes to an earlier one."""
    places: list[Place] = []
    for _ in range(_ATTEMPTS):
        if len(places) == law.num_digits:
            return np.array(places)
        place = draw()
        if all(bool((np.abs(place - other) >= law.digit_px).any()) for other in places):
            places.append(place)
    raise UsageError(
        f"--canvas {law.canvas_px}: no room found for {law.num_digits} digits of {law.digit_px} px; "
        "give a larger canvas, or fewer or smaller digits"
    )
