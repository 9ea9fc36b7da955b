"""An explanation of one image as plain values, whatever made it: values over regions of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evidence.methods import METHODS, Method
from pipeline.images.region import Region
from pipeline.records.finished_image import FinishedImage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """What is said of one region."""

    look: int
    """Order of the look that it is about, or that said it."""
    region: Region
    """Level-0 pixels; may stick out of the image."""
    depth: int
    """Steps from the coarsest look; where patches overlap, a larger one is the closer view."""
    values: NDArray[np.float32]
    """(m, n) spread evenly over the region; (1, 1) where all of it has one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One kind of explanation of one image."""

    method: Method
    """Which kind."""
    patches: tuple[Patch, ...] = ()
    """What it says; those inside looks with the most telling look first."""
    unit: str = ""
    """What a value counts, in words; empty: only the order of values has a meaning."""
    problem: str | None = None
    """Why there is none."""

    @property
    def largest(self) -> float:
        """Absolute value that is furthest from 0; 0.0 without patches."""
        return max((float(np.abs(one.values).max()) for one in self.patches), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageExplanation:
    """All kinds that were asked for."""

    layers: tuple[Layer, ...]
    """One per kind."""
    remark: str | None = None
    """What whoever reads them must know."""


def looks_layer(image: FinishedImage) -> Layer:
    """How closely each place was looked at, as the tables say."""
    patches = tuple(
        Patch(
            look=look.order,
            region=look.region,
            depth=look.depth,
            values=np.full((1, 1), look.depth + 1, np.float32),
        )
        for look in image.looks
        if look.level is not None
    )
    return Layer(method=METHODS["looks"], patches=patches, unit="step of the walk")
