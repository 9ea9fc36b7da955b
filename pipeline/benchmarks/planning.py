"""Scenes drawn by the published law: all digits of a split first, then all places, then all noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.digits import Digits
from pipeline.benchmarks.layer import Layer
from pipeline.benchmarks.noise import noise_patterns
from pipeline.benchmarks.places import (
    digit_places,
    digit_places_within,
    noise_places_within,
    settlements,
)
from pipeline.benchmarks.scene import PlacedDigit, Scene, SceneLaw
from pipeline.errors import UsageError

NUM_CLASSES = 10
_GRAIN_SPAN_PX = 1 << 20
"""Scenes begin anywhere in so much of the plane of grain."""


def plan_scenes(law: SceneLaw, digits: Digits, count: int, seed: int) -> list[Scene]:
    """Scenes from NumPy's legacy generator, to which the published seeds belong: 1 for training, 0 for the test.

    On plain black, digits, places and noise are those of the published generators to the last draw, given the
    same digits in the same order. What these do not know (grain, settlements) is drawn from another generator.

    Args:
        law: what all scenes have in common.
        digits: to choose from.
        count: number of scenes.
        seed: 0 to 2**32 - 1.

    Raises:
        UsageError: if a class has no digit, or there is no room.
    """
    rng = np.random.RandomState(seed)
    sources = _sources(law, digits, count, rng)
    corners = [digit_places(law, rng) for _ in range(count)]
    patterns = noise_patterns(law.num_noise, law.noise_px, rng)
    span = law.canvas_px - 2 * law.noise_px
    noise_corners = (rng.rand(count, law.num_noise, 2) * span + law.noise_px).astype(int)
    noise_chosen = (rng.rand(count, law.num_noise) * law.num_noise).astype(int)
    scenes = []
    for index in range(count):
        beyond = _Beyond(law, np.random.default_rng([seed, index]))
        scenes.append(
            Scene(
                law=law,
                digits=_placed_digits(sources[index], digits, beyond.digits(corners[index])),
                strewn=Layer(
                    pictures=patterns,
                    chosen=noise_chosen[index],
                    corners=beyond.noise(noise_corners[index]),
                ),
                grain_at=beyond.grain_at,
                settlements=beyond.settlements,
            )
        )
    return scenes


class _Beyond:
    """What the published law does not know of one scene."""

    def __init__(self, law: SceneLaw, rng: np.random.Generator) -> None:
        self._law, self._rng = law, rng
        y, x = (int(one) for one in rng.integers(0, _GRAIN_SPAN_PX, 2))
        self.grain_at = (y, x)
        self.settlements = settlements(law, rng)

    def digits(self, corners: NDArray[np.int64]) -> NDArray[np.int64]:
        """(D, 2) corners of digits; with settlements, in every second one of these."""
        if not self.settlements:
            return corners
        return digit_places_within(self._law, self.settlements[::2], self._rng)

    def noise(self, corners: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N, 2) corners of noise; with settlements, in any of these, so that strokes give nothing away."""
        if not self.settlements:
            return corners
        return noise_places_within(self._law, self.settlements, self._rng)


def _sources(
    law: SceneLaw, digits: Digits, count: int, rng: np.random.RandomState
) -> list[NDArray[np.int64]]:
    """(D,) indices of the digits of each scene: some of one class, the rest of any other."""
    same = [np.flatnonzero(digits.labels == one) for one in range(NUM_CLASSES)]
    other = [np.flatnonzero(digits.labels != one) for one in range(NUM_CLASSES)]
    missing = [str(one) for one, found in enumerate(same) if not len(found)]
    if missing:
        raise UsageError(f"the digits lack {', '.join(missing)}; each class, 0 to 9, is needed")
    num_others = law.num_digits - law.num_majority
    chosen = []
    for _ in range(count):
        target = int(rng.rand() * NUM_CLASSES)
        majority = rng.choice(same[target], law.num_majority)
        chosen.append(np.concatenate([majority, rng.choice(other[target], num_others)]))
    return chosen


def _placed_digits(
    sources: NDArray[np.int64], digits: Digits, corners: NDArray[np.int64]
) -> tuple[PlacedDigit, ...]:
    return tuple(
        PlacedDigit(source=int(source), digit=int(digits.labels[source]), y_px=int(y), x_px=int(x))
        for source, (y, x) in zip(sources, corners, strict=True)
    )
