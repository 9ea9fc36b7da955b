"""What a coloured scene may be; the numbers are those of PAN's generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.errors import UsageError

Kind: TypeAlias = Literal["mref", "mdist", "mdist_gaussian", "mbg_like"]
COLOURS = {
    "red": (0x92, 0x10, 0x10),
    "green": (0x10, 0xA6, 0x51),
    "blue": (0x10, 0x62, 0xC0),
    "yellow": (0xFF, 0xF1, 0x4E),
    "white": (0xE0, 0xE0, 0xE0),
}
COLOUR_NAMES = tuple(COLOURS)
NUM_CLASSES = 10
DIGIT_PX = 28
"""Side of a digit at scale 1, whatever the canvas."""
SCALES = (0.5, 3.0)
"""Uniform between them, but drawn again with the place until a digit fits: small ones are far more frequent."""
COUNTS = (5, 9)
"""Digits in an image, uniform, both included; no class twice."""
COLOUR_STD = 10.0
"""One draw for all three channels of a digit."""
NUM_DISTRACTORS = 17
DISTRACTOR_PX = 5
"""Side at scale 1 of the crops of digits that distract."""
NOISE_STD = 50.0
"""Of `mdist_gaussian`: AttentionRNN speaks of Gaussian noise and gives no number."""
BIN = 0.5
"""Width of the scale bins of the tables: (0.5, 1], (1, 1.5], ... (2.5, 3]."""
SIDES = (100, 224)
"""Canvases of the papers; digits are as large on both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouredLaw:
    """Of every image of a data set."""

    kind: Kind = "mref"
    """On black (`mref`), among pieces of digits (`mdist`) or noise (`mdist_gaussian`), on a photograph (`mbg_like`)."""
    canvas_px: int = 100
    """Side of the image."""
    is_inverse: bool = False
    """Ask for the digit of a colour instead of the colour of a digit; only colours that occur once are asked for."""

    def __post_init__(self) -> None:
        largest = int(DIGIT_PX * SCALES[1])
        if self.canvas_px < largest:
            raise UsageError(
                f"--canvas {self.canvas_px}: the largest digits have {largest} px; give that or more "
                f"(the papers: {' and '.join(map(str, SIDES))})"
            )

    @property
    def num_queries(self) -> int:
        """Different questions."""
        return len(COLOURS) if self.is_inverse else NUM_CLASSES

    @property
    def num_answers(self) -> int:
        """Classes to choose from."""
        return NUM_CLASSES if self.is_inverse else len(COLOURS)
