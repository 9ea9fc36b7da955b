"""--precision of the commands that train a paper's network."""

from __future__ import annotations

from enum import StrEnum


class PrecisionName(StrEnum):
    """What a training step computes in."""

    float32 = "float32"
    bfloat16 = "bfloat16"
