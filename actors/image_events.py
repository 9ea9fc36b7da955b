"""What a reader's thread tells the engine about an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.records.result import ImageResult
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.image_walk import ImageWalk

Pixels: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """An image is open."""

    image: int
    walk: ImageWalk


@dataclass(frozen=True, slots=True, eq=False)
class Suspected:
    """An image was not opened: it must run alone."""

    image: int


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A look's pixels are here."""

    image: int
    glimpse: Glimpse
    pixels: Pixels


@dataclass(frozen=True, slots=True, eq=False)
class NotRead:
    """A look's pixels could not be read; the image may go on."""

    image: int
    glimpse: Glimpse
    error: str


@dataclass(frozen=True, slots=True, eq=False)
class Forgone:
    """A look was not taken: what its image may spend does not suffice."""

    image: int
    glimpse: Glimpse


@dataclass(frozen=True, slots=True, eq=False)
class Broke:
    """The image cannot go on."""

    image: int
    error: Exception


@dataclass(frozen=True, slots=True, eq=False)
class Concluded:
    """An image's result is ready to be written."""

    image: int
    result: ImageResult


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """An image's result has been written; or, with an error, it could not be, and that ends the run."""

    image: int
    result: ImageResult
    error: Exception | None = None


Event: TypeAlias = Opened | Suspected | Read | NotRead | Forgone | Broke | Concluded | Written
"""One for every task, whatever happens in it."""
