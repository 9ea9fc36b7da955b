"""One coloured scene: digits placed, painted and blended as PAN's generator does."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.coloured.law import (
    COLOUR_NAMES,
    COLOUR_STD,
    COLOURS,
    COUNTS,
    DIGIT_PX,
    DISTRACTOR_PX,
    NOISE_STD,
    NUM_CLASSES,
    NUM_DISTRACTORS,
    SCALES,
    ColouredLaw,
)
from pipeline.benchmarks.digits import Digits

Pixels = NDArray[np.uint8]
_MAX_TRIES = 2000
"""For one digit; then the scene begins anew. Handwriting needs ten on average, 636 at most were seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouredDigit:
    """A digit of a scene."""

    digit: int
    """Its class."""
    colour: int
    """Index of `COLOUR_NAMES`."""
    scale: float
    """As drawn; its side is the integer part of 28 times it."""
    y_px: int
    """Top of its box."""
    x_px: int
    """Left of its box."""
    side_px: int
    """Side of its box."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColouredScene:
    """An image with its truth."""

    image: Pixels
    """(side, side, 3)."""
    owners: Pixels
    """(side, side): 1 + index of the digit whose ink lies there, 0 for none."""
    digits: tuple[ColouredDigit, ...]
    """In the order in which they were placed."""


def draw_scene(
    law: ColouredLaw, source: Digits, background: Pixels, rng: np.random.Generator
) -> ColouredScene:
    """Draw one scene.

    Args:
        law: what it may be.
        source: digits of 28 x 28 pixels to draw from.
        background: (side, side, 3), left as it is.
        rng: of all draws.
    """
    while True:
        scene = _try_scene(law, source, background.copy(), rng)
        if scene is not None:
            return scene


def _try_scene(
    law: ColouredLaw, source: Digits, image: Pixels, rng: np.random.Generator
) -> ColouredScene | None:
    """One scene, or None where a digit found no room."""
    if law.kind == "mdist":
        _distract(image, source, rng)
    elif law.kind == "mdist_gaussian":
        noise = rng.normal(0, NOISE_STD, image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    owners = np.zeros(image.shape[:2], np.uint8)
    digits: list[ColouredDigit] = []
    for digit in rng.permutation(NUM_CLASSES)[: rng.integers(COUNTS[0], COUNTS[1] + 1)]:
        picture = source.images[rng.choice(np.flatnonzero(source.labels == digit))]
        placed = _place(picture, int(digit), owners, len(digits) + 1, rng)
        if placed is None:
            return None
        _blend(image, placed.ink, placed.digit, rng)
        digits.append(placed.digit)
    return ColouredScene(image=image, owners=owners, digits=tuple(digits))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Placed:
    digit: ColouredDigit
    """Where it lies."""
    ink: Pixels
    """(side, side) of its box."""


def _place(
    picture: Pixels, digit: int, owners: Pixels, owner: int, rng: np.random.Generator
) -> _Placed | None:
    """Draw scale and place until the box holds no ink of others, and mark its own there; None: there is no room."""
    colour = int(rng.integers(len(COLOUR_NAMES)))
    for _ in range(_MAX_TRIES):
        scale = rng.uniform(*SCALES)
        side = int(DIGIT_PX * scale)
        y, x = (int(at) for at in rng.integers(0, owners.shape[0] - side + 1, 2))
        box = owners[y : y + side, x : x + side]
        if box.any():
            continue
        ink = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)
        box[ink > 0] = owner
        found = ColouredDigit(digit=digit, colour=colour, scale=scale, y_px=y, x_px=x, side_px=side)
        return _Placed(digit=found, ink=ink.astype(np.uint8))
    return None


def _blend(image: Pixels, ink: Pixels, digit: ColouredDigit, rng: np.random.Generator) -> None:
    """Colour times ink, pasted with ink as its opacity: ink counts twice."""
    shade = np.array(COLOURS[COLOUR_NAMES[digit.colour]]) + rng.normal(0, COLOUR_STD)
    opacity = ink[:, :, None] / 255
    box = image[digit.y_px : digit.y_px + digit.side_px, digit.x_px : digit.x_px + digit.side_px]
    painted = np.clip(shade, 0, 255) * opacity
    box[:] = np.round(box * (1 - opacity) + painted * opacity).astype(np.uint8)


def _distract(image: Pixels, source: Digits, rng: np.random.Generator) -> None:
    """Add pieces of digits; sums beyond 255 begin again at 0, as in the published data."""
    for _ in range(NUM_DISTRACTORS):
        picture = source.images[rng.integers(len(source.images))]
        y, x = rng.integers(0, DIGIT_PX - DISTRACTOR_PX + 1, 2)
        side = int(DISTRACTOR_PX * rng.uniform(*SCALES))
        piece = picture[y : y + DISTRACTOR_PX, x : x + DISTRACTOR_PX]
        piece = cv2.resize(piece, (side, side), interpolation=cv2.INTER_LINEAR)
        colour = np.array(COLOURS[COLOUR_NAMES[rng.integers(len(COLOUR_NAMES))]])
        top, left = rng.integers(0, image.shape[0] - side + 1, 2)
        image[top : top + side, left : left + side] += (piece[:, :, None] / 255 * colour).astype(
            np.uint8
        )
