"""A stored tile, decoded, with what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.images.acquisition import Acquisition


class TileKey(NamedTuple):
    """Which stored tile; also the order in which costs are summed."""

    level: int
    """0 is the finest."""
    row: int
    """Row of tiles from the top."""
    col: int
    """Column of tiles from the left."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A tile as storage answered for it: present, or missing by design (`data` is None).

    A tile that cannot be read is neither: reading it raises `TileReadError`.
    """

    key: TileKey
    """Which tile."""
    data: NDArray[np.generic] | None
    """(C, H, W) samples in the stored dtype, cut at the image's edge; None where the file stores nothing on purpose."""
    acquisition: Acquisition = field(default_factory=Acquisition)
    """What reading it cost."""
