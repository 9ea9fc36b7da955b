"""How the candidate cells of an image are scored: by the network, by chance, by their place."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.walk.candidates import Candidates
from pipeline.walk.cells import Cells
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.score_spread import spread_scores


class Exploration(Protocol):
    """What training changes."""

    def __call__(
        self, parent: Glimpse | None, cells: Candidates, image_px: tuple[int, int], /
    ) -> Candidates:
        """A look (None: the candidates are roots), its candidates, and the image's height and width, to candidates."""

    def perturbed_levels(
        self, position: Position, scores: NDArray[np.float32], /
    ) -> NDArray[np.float32]:
        """Where a look is, and (J,) scores of the depths below it, to such scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRule:
    """How the cells of one image are scored."""

    proposals: Literal["model", "random", "centre"] = "model"
    """Who scores them: the network, chance, or their distance from the centre."""
    score: Literal["path", "cell"] = "path"
    """What cells of different looks are compared by."""
    name: str = ""
    """Of the image; chance depends on it and nothing else, so a run repeats."""
    image_px: tuple[int, int] = (1, 1)
    """Height and width of the image, in level-0 pixels."""
    explore: Exploration | None = None
    """Changes candidates in training."""

    def opened(self, parent: Glimpse, geometry: Geometry, observation: Observation) -> Candidates:
        """The candidates of a look with cells, at the depth below it that the network chose, row by row."""
        steps = self._steps(parent, geometry, observation)
        cells = geometry.cells(parent, steps)
        if steps > 1 and len(observation.cell_log_probs):
            spread = spread_scores(observation.cell_log_probs, geometry.cells(parent), cells)
            observation = replace(observation, cell_log_probs=spread)
        return self.of(parent, cells, observation)

    def _steps(self, parent: Glimpse, geometry: Geometry, observation: Observation) -> int:
        """Depths to go down; the smaller of equally good ones."""
        num_open = geometry.num_steps(parent, len(observation.level_scores))
        scores = observation.level_scores[:num_open]
        if self.explore is not None and len(scores):
            scores = self.explore.perturbed_levels(parent.position, scores)
        return 1 + int(scores.argmax()) if len(scores) else 1

    def of(self, parent: Glimpse, cells: Cells, observation: Observation) -> Candidates:
        """The candidates of a look, row by row."""
        boxes = cells.boxes
        log_probs = self._log_probs(parent, boxes, observation)  # (G,)
        steps = cells.first.depth - parent.position.depth
        gain = math.log(len(cells)) / steps  # a cell of uniform probability has density 1
        is_path = self.score == "path" and self.proposals == "model"
        return self._explored(
            parent,
            Candidates(
                parent=parent.position,
                positions=cells.positions,
                boxes=boxes,
                scores=parent.score + log_probs + gain if is_path else log_probs,
                log_probs=log_probs,
            ),
        )

    def of_roots(self, roots: Sequence[Glimpse]) -> Candidates:
        """Roots of an image that were scored from an overview; chance and distance score them here."""
        found = Candidates.of(roots)
        log_probs = found.log_probs
        if self.proposals == "random":
            log_probs = self._by_chance([-1], len(roots))
        if self.proposals == "centre":
            log_probs = -self._distances(found.boxes)
        return self._explored(None, replace(found, scores=log_probs, log_probs=log_probs))

    def _explored(self, parent: Glimpse | None, candidates: Candidates) -> Candidates:
        if self.explore is None:
            return candidates
        return self.explore(parent, candidates, self.image_px)

    def _log_probs(
        self, parent: Glimpse, boxes: NDArray[np.int64], observation: Observation
    ) -> NDArray[np.float64]:
        """(G,) of (G, 4) cells."""
        if self.proposals == "model":
            return observation.cell_log_probs.astype(np.float64)
        if self.proposals == "random":
            return self._by_chance(parent.position, len(boxes))
        return -self._distances(boxes)

    def _by_chance(self, where: Sequence[int], count: int) -> NDArray[np.float64]:
        """(count,), the same whenever this image is walked."""
        seeds = [zlib.crc32(self.name.encode()), *(number % 2**32 for number in where)]
        values = np.random.default_rng(seeds).random(count)
        return np.log(np.maximum(values, 1e-12))

    def _distances(self, boxes: NDArray[np.int64]) -> NDArray[np.float64]:
        """(G,) of the centres of (G, 4) regions from the image's, relative to the image."""
        centres = (boxes[:, :2] + boxes[:, 2:] / 2) / self.image_px - 0.5  # (G, 2)
        return np.hypot(centres[:, 0], centres[:, 1])
