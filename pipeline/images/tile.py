"""A stored tile, decoded, with what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TileReadError
from pipeline.storage.acquisition import Acquisition


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
    """A tile as storage answered for it: present, or missing by design (`data` is None)."""

    key: TileKey
    """Which tile."""
    data: NDArray[np.generic] | None
    """(C, H, W) samples in the stored dtype, cut at the image's edge; None where the file stores nothing on purpose."""
    acquisition: Acquisition = field(default_factory=Acquisition)
    """What reading it cost."""


@dataclass(frozen=True, slots=True, eq=False)
class FailedTile:
    """A tile that could not be read or decoded."""

    key: TileKey
    """Which tile."""
    error: TileReadError
    """Why."""
    acquisition: Acquisition = field(default_factory=Acquisition)
    """What trying cost."""
    is_final: bool = False
    """True: trying once more is of no use."""


TileAnswer: TypeAlias = Tile | FailedTile
"""What reading a tile comes to."""
