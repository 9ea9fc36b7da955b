"""Megapixel-MNIST as a plan: which digits and which noise lie where on a large black canvas.

The law is that of the published generators (scripts/make_mnist.py of ATS, data/megapixel_mnist of IPS): 5 digits of
28 px, 3 of them of one class, which is the label; 50 noise patterns of two straight lines each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.digits import Digits
from pipeline.errors import UsageError

Task: TypeAlias = Literal["majority", "max", "top", "multi"]
PasteOrder: TypeAlias = Literal["ips", "ats"]
Background: TypeAlias = Literal["black", "grain"]
TASKS: tuple[Task, ...] = ("majority", "max", "top", "multi")
_LINE_POINTS = 56
_MAX_ANGLE = np.pi / 2.5
_FLIP_RATE = 0.33
_LEAST_INTENSITY = 0.8
_PLACING_ATTEMPTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneLaw:
    """What all scenes of an archive have in common."""

    canvas_px: int = 1500
    """Side of the square in which things lie."""
    num_digits: int = 5
    """Digits per scene."""
    num_majority: int = 3
    """Of which so many are of the class that is the majority."""
    digit_px: int = 28
    """Side of a digit."""
    num_noise: int = 50
    """Noise patterns per scene, as many as are placed."""
    noise_px: int = 28
    """Side of a noise pattern."""
    order: PasteOrder = "ips"
    """`ips`: digits lie over noise; `ats`: noise lies over digits."""
    background: Background = "black"
    """`black`, as published; `grain`: a faint texture, so that every tile has bytes, as in real images."""

    def __post_init__(self) -> None:
        if not 1 <= self.num_majority <= self.num_digits:
            raise UsageError(
                f"--majority {self.num_majority}: from 1 to the number of digits, {self.num_digits}"
            )
        if 2 * self.num_majority <= self.num_digits and self.num_digits > 1:
            raise UsageError(
                f"--majority {self.num_majority} of --digits {self.num_digits} is no majority; give more "
                f"than half, {self.num_digits // 2 + 1} or more"
            )
        if min(self.digit_px, self.noise_px) < 4:
            raise UsageError(f"--digit-px {self.digit_px}: at least 4")
        # Random placing fills about half of the plane at most before it finds no room.
        if self.num_digits * (2 * self.digit_px) ** 2 > self.canvas_px**2:
            raise UsageError(
                f"--canvas {self.canvas_px}: {self.num_digits} digits of {self.digit_px} px do not fit; "
                "give a larger canvas, or fewer or smaller digits"
            )
        if self.num_noise and self.canvas_px <= 2 * self.noise_px:
            raise UsageError(f"--canvas {self.canvas_px}: too small for noise; give --noise 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedDigit:
    """A digit on the canvas."""

    source: int
    """Index in its split of digits."""
    digit: int
    """Class."""
    y_px: int
    """First row."""
    x_px: int
    """First column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedNoise:
    """A noise pattern on the canvas."""

    pattern: int
    """Which."""
    y_px: int
    """First row."""
    x_px: int
    """First column."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One image before it is drawn."""

    law: SceneLaw
    """What it follows."""
    digits: tuple[PlacedDigit, ...]
    """In the order in which they are pasted."""
    noise: tuple[PlacedNoise, ...]
    """In the order in which it is pasted."""
    patterns: NDArray[np.uint8]
    """(N, noise_px, noise_px) what noise looks like."""
    grain_at: tuple[int, int] = (0, 0)
    """Where the scene begins in the endless plane of grain."""

    def label(self, task: Task) -> str:
        """The class of the image: the majority, the largest digit, the topmost, or all that occur."""
        classes = [one.digit for one in self.digits]
        if task == "majority":
            return str(Counter(classes).most_common(1)[0][0])
        if task == "max":
            return str(max(classes))
        if task == "top":
            return str(min(self.digits, key=lambda one: one.y_px).digit)
        return ";".join(str(one) for one in sorted(set(classes)))


def plan_scenes(law: SceneLaw, digits: Digits, count: int, seed: int) -> list[Scene]:
    """Scenes from NumPy's legacy generator, in the published order of draws: numbers, positions, noise."""
    rng = np.random.RandomState(seed)  # the published seeds belong to it
    of_class = [np.flatnonzero(digits.labels == one) for one in range(10)]
    return [_plan_scene(law, of_class, rng) for _ in range(count)]


def _plan_scene(
    law: SceneLaw, of_class: Sequence[NDArray[np.int64]], rng: np.random.RandomState
) -> Scene:
    majority = int(rng.rand() * 10)
    others = [one for one in range(10) if one != majority]
    num_others = law.num_digits - law.num_majority
    classes = [majority] * law.num_majority + [int(one) for one in rng.choice(others, num_others)]
    sources = [int(rng.choice(of_class[one])) for one in classes]
    places = _places(law, rng)
    patterns = np.stack(
        [_pattern(law.noise_px, rng) for _ in range(law.num_noise)] or [np.zeros((1, 1))]
    )
    noise = tuple(_place_noise(law, rng) for _ in range(law.num_noise))
    placed = tuple(
        PlacedDigit(source=source, digit=digit, y_px=y, x_px=x)
        for source, digit, (y, x) in zip(sources, classes, places, strict=True)
    )
    grain_at = (0, 0) if law.background == "black" else (rng.randint(1 << 20), rng.randint(1 << 20))
    return Scene(
        law=law,
        digits=placed,
        noise=noise,
        patterns=patterns.astype(np.uint8),
        grain_at=grain_at,
    )


def _places(law: SceneLaw, rng: np.random.RandomState) -> list[tuple[int, int]]:
    """Corners of digits, no two closer than a digit on both axes."""
    places: list[tuple[int, int]] = []
    for _ in range(_PLACING_ATTEMPTS):
        if len(places) == law.num_digits:
            return places
        y, x = (int(value) for value in np.round(rng.rand(2) * (law.canvas_px - law.digit_px)))
        if all(abs(y - v) >= law.digit_px or abs(x - u) >= law.digit_px for v, u in places):
            places.append((y, x))
    raise UsageError(
        f"--canvas {law.canvas_px}: no room found for {law.num_digits} digits of {law.digit_px} px"
    )


def _pattern(side: int, rng: np.random.RandomState) -> NDArray[np.float64]:
    """(side, side) two straight lines through the middle, each of some brightness, 0 to 255."""
    pattern = np.zeros((side, side))
    along = np.linspace(-side / 2, side / 2, _LINE_POINTS)
    for _ in range(2):
        across = along * np.tan(rng.rand() * _MAX_ANGLE)
        rows, cols = (np.round(one + side / 2).astype(int) for one in (across, along))
        if rng.rand() < _FLIP_RATE:
            rows = side - 1 - rows
        if rng.rand() < _FLIP_RATE:
            rows, cols = cols, rows
        inside = (rows >= 0) & (rows < side) & (cols >= 0) & (cols < side)
        pattern[rows[inside], cols[inside]] = rng.uniform(_LEAST_INTENSITY, 1.0) * 255
    return pattern


def _place_noise(law: SceneLaw, rng: np.random.RandomState) -> PlacedNoise:
    span = law.canvas_px - 2 * law.noise_px
    y, x = (int(value * span + law.noise_px) for value in rng.rand(2))
    return PlacedNoise(pattern=int(rng.randint(law.num_noise)), y_px=y, x_px=x)
