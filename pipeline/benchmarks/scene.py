"""Megapixel-MNIST as a plan: which digits and which noise lie where on a large black canvas.

The law is that of the published generators (scripts/make_mnist.py of ATS, data/megapixel_mnist of IPS): 5 digits of
28 px, 3 of them of one class, which is the label; 50 noise patterns of two straight lines each. `planning.py` draws.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.layer import Layer
from pipeline.errors import UsageError
from pipeline.images.region import Region

Task: TypeAlias = Literal["majority", "max", "top", "multi"]
PasteOrder: TypeAlias = Literal["ips", "ats"]
Background: TypeAlias = Literal["black", "grain"]
TASKS: tuple[Task, ...] = ("majority", "max", "top", "multi")


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
    """Noise patterns of a split, and how many of them are placed in each scene."""
    noise_px: int = 28
    """Side of a noise pattern."""
    order: PasteOrder = "ips"
    """`ips`: digits lie over noise; `ats`: noise lies over digits."""
    background: Background = "black"
    """`black`, as published; `grain`: a faint texture, so that every tile has bytes, as in real images."""
    num_settlements: int = 0
    """Bright textured squares that alone hold digits and noise, to be seen from afar; 0, as published: none."""

    def __post_init__(self) -> None:
        if not 1 <= self.num_majority <= self.num_digits:
            raise UsageError(
                f"--majority {self.num_majority}: from 1 to the number of digits, {self.num_digits}"
            )
        if 2 * self.num_majority <= self.num_digits:
            raise UsageError(
                f"--majority {self.num_majority} of --num-digits {self.num_digits} is no majority; "
                f"give more than half, {self.num_digits // 2 + 1} or more"
            )
        if min(self.digit_px, self.noise_px) < 4:
            raise UsageError(f"--digit-px {self.digit_px}: at least 4")
        if min(self.num_noise, self.num_settlements) < 0:
            raise UsageError(
                f"--noise {self.num_noise} --settlements {self.num_settlements}: not below 0"
            )
        self._refuse_crowds()

    def _refuse_crowds(self) -> None:
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
    """In the order in which they are pasted; those of the majority first."""
    strewn: Layer
    """The noise; its pictures are the same for all scenes of a split."""
    grain_at: tuple[int, int] = (0, 0)
    """Where the scene begins in the endless plane of grain."""
    settlements: tuple[Region, ...] = ()
    """Textured squares."""

    @property
    def patterns(self) -> NDArray[np.uint8]:
        """(N, noise_px, noise_px) what noise looks like."""
        return self.strewn.pictures

    @property
    def noise(self) -> tuple[PlacedNoise, ...]:
        """In the order in which it is pasted."""
        placed = zip(self.strewn.chosen.tolist(), self.strewn.corners.tolist(), strict=True)
        return tuple(PlacedNoise(pattern=pattern, y_px=y, x_px=x) for pattern, (y, x) in placed)

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
