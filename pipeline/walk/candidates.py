"""The candidate cells of a look, with the scores by which they are chosen."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.score_spread import spread_scores

Cells: TypeAlias = Sequence[tuple[Position, Region]]


class Exploration(Protocol):
    """What training changes."""

    def __call__(
        self, parent: Glimpse | None, cells: list[Glimpse], image_px: tuple[int, int], /
    ) -> list[Glimpse]:
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

    def opened(
        self, parent: Glimpse, geometry: Geometry, observation: Observation
    ) -> list[Glimpse]:
        """The candidates of a look with cells, at the depth below it that the network chose, row by row."""
        steps = self._steps(parent, geometry, observation)
        cells = geometry.cells(parent, steps)
        if steps > 1 and len(observation.cell_log_probs):
            scored, finer = geometry.cells(parent), [region for _, region in cells]
            spread = spread_scores(
                observation.cell_log_probs, [region for _, region in scored], finer
            )
            observation = replace(observation, cell_log_probs=spread)
        return self.of(parent, cells, observation)

    def _steps(self, parent: Glimpse, geometry: Geometry, observation: Observation) -> int:
        """Depths to go down; the smaller of equally good ones."""
        num_open = geometry.num_steps(parent, len(observation.level_scores))
        scores = observation.level_scores[:num_open]
        if self.explore is not None and len(scores):
            scores = self.explore.perturbed_levels(parent.position, scores)
        return 1 + int(scores.argmax()) if len(scores) else 1

    def of(self, parent: Glimpse, cells: Cells, observation: Observation) -> list[Glimpse]:
        """The candidates of a look, row by row."""
        log_probs = self._log_probs(parent, cells, observation)
        steps = cells[0][0].depth - parent.position.depth
        gain = math.log(len(cells)) / steps  # a cell of uniform probability has density 1
        is_path = self.score == "path" and self.proposals == "model"
        candidates = [
            Glimpse(
                position=position,
                region=region,
                parent=parent.position,
                score=parent.score + log_prob + gain if is_path else log_prob,
                cell_log_prob=log_prob,
            )
            for (position, region), log_prob in zip(cells, log_probs, strict=True)
        ]
        return (
            candidates if self.explore is None else self.explore(parent, candidates, self.image_px)
        )

    def of_roots(self, roots: Sequence[Glimpse]) -> list[Glimpse]:
        """Roots of an image that were scored from an overview; chance and distance score them here."""
        log_probs = [root.cell_log_prob for root in roots]
        if self.proposals == "random":
            log_probs = self._by_chance([-1], len(roots))
        if self.proposals == "centre":
            log_probs = [-self._distance(root.region) for root in roots]
        candidates = [
            replace(root, score=log_prob, cell_log_prob=log_prob)
            for root, log_prob in zip(roots, log_probs, strict=True)
        ]
        return candidates if self.explore is None else self.explore(None, candidates, self.image_px)

    def _log_probs(
        self, parent: Glimpse, cells: Cells, observation: Observation
    ) -> Sequence[float]:
        if self.proposals == "model":
            log_probs: list[float] = observation.cell_log_probs.tolist()
            return log_probs
        if self.proposals == "random":
            return self._by_chance(parent.position, len(cells))
        return [-self._distance(region) for _, region in cells]

    def _by_chance(self, where: Sequence[int], count: int) -> list[float]:
        seeds = [zlib.crc32(self.name.encode()), *(number % 2**32 for number in where)]
        values: list[float] = np.random.default_rng(seeds).random(count).tolist()
        return [math.log(max(value, 1e-12)) for value in values]

    def _distance(self, region: Region) -> float:
        """Of a region's centre from the image's, relative to the image."""
        height, width = self.image_px
        dy = (region.y + region.height / 2) / height - 0.5
        dx = (region.x + region.width / 2) / width - 0.5
        return math.hypot(dy, dx)
