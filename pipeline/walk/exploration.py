"""How a training walk looks where the network would not: noise on scores, cells by chance, shifted windows.

All of it happens to the candidates of a look, before the walk's own rule chooses among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.walk.axis import starts_inside
from pipeline.walk.candidates import Candidates
from pipeline.walk.glimpse import Glimpse, Position

FORCED = 1e6
"""Score of a cell that chance has chosen; above all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorationConfig:
    """The defaults are the paper: none, its top-k is deterministic in training too."""

    gumbel_scale: float = 0.0
    """Gumbel noise on log scores; 1 makes top-k a draw without replacement from the softmax (Gumbel top-k)."""
    random_cells: tuple[float, ...] = (0.0,)
    """Mean number of cells chosen by chance per look, by the look's depth; the last holds for deeper ones."""
    random_roots: float = 0.0
    """Mean number of roots chosen by chance per image, where roots are chosen from an overview."""
    jitter_px: tuple[float, ...] = (0.0,)
    """Largest shift of a window along each axis, in window pixels, per depth from 1 on; the last for deeper ones."""
    blob_share: float = 0.0
    """Share of walks whose cells are scored by the brightest blob in them instead of by the network: 1 for the start of
    an untrained one, a little later on keeps it from forgetting what it no longer looks at."""
    object_px: float = 28.0
    """Of blobs: size of what is looked for, in level-0 pixels."""

    def __post_init__(self) -> None:
        for name in ("random_cells", "jitter_px"):
            values: Sequence[float] = getattr(self, name)
            if not values or min(values) < 0:
                raise ConfigError(
                    f"exploration.{name} is {list(values)}; numbers from 0, at least one"
                )
        if self.random_roots < 0:
            raise ConfigError(f"exploration.random_roots is {self.random_roots}; 0 or more")
        if not 0 <= self.blob_share <= 1:
            raise ConfigError(f"exploration.blob_share is {self.blob_share}; 0 to 1")
        if self.gumbel_scale < 0:
            raise ConfigError(f"exploration.gumbel_scale is {self.gumbel_scale}; 0 or more")
        if self.object_px <= 0:
            raise ConfigError(f"exploration.object_px is {self.object_px}; above 0")


class Explorer:
    """Explores one walk. The same seed gives the same walk.

    Args:
        config: how much.
        seed: numbers that name this walk, such as (seed, epoch, hash of the image's id).
        base_px: side of a window, in window pixels.
    """

    def __init__(self, config: ExplorationConfig, *, seed: Sequence[int], base_px: int) -> None:
        self.forced: set[Position] = set()
        self.level_noise: dict[Position, NDArray[np.float32]] = {}
        """What the depth of the next looks was drawn with, by the look that they follow."""
        self._config = config
        self._base_px = base_px
        self._rng = np.random.default_rng(list(seed))

    def __call__(
        self, parent: Glimpse | None, cells: Candidates, image_px: tuple[int, int]
    ) -> Candidates:
        """The candidates of a look, with noise, shifted, some of them forced; roots stay where they are."""
        noise = self._config.gumbel_scale * self._rng.gumbel(size=len(cells))  # (G,)
        config = self._config
        many = _at(config.random_cells, parent.position.depth) if parent else config.random_roots
        forced = self._rng.random(len(cells)) < min(1.0, many / len(cells))  # (G,)
        self.forced.update(cells.position(index) for index in np.flatnonzero(forced).tolist())
        extra = np.where(forced, FORCED, noise)
        return replace(
            cells,
            boxes=self._shifted(cells, image_px) if parent else cells.boxes,
            scores=_without_forcing(cells.scores) + extra,
            log_probs=cells.log_probs + extra,
        )

    def perturbed_levels(
        self, position: Position, scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(J,) scores of the depths below a look with Gumbel noise: the largest is a draw (UAN, equation 2)."""
        noise = self._rng.gumbel(size=len(scores)).astype(np.float32)
        self.level_noise[position] = noise
        return scores + noise

    def _shifted(self, cells: Candidates, image_px: tuple[int, int]) -> NDArray[np.int64]:
        """(G, 4) regions, each by a shift of its own, and back inside the image."""
        largest = _at(self._config.jitter_px, cells.position(0).depth - 1)
        if not largest:
            return cells.boxes
        starts, sides = cells.boxes[:, :2], cells.boxes[:, 2:]  # (G, 2) each
        scale = sides[0, 0] / self._base_px  # level-0 pixels per window pixel
        shifts = self._rng.uniform(-largest * scale, largest * scale, starts.shape)  # (G, 2)
        moved = starts + np.rint(shifts).astype(np.int64)
        return np.concatenate([starts_inside(moved, sides, np.array(image_px)), sides], axis=1)


def _without_forcing(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(G,) scores less what the path to a forced look handed down: chance has chosen that look, not all below it."""
    return np.where(scores > FORCED / 2, scores - FORCED, scores)


def _at(values: Sequence[float], depth: int) -> float:
    return values[min(depth, len(values) - 1)]
