"""How a model walks an image: the `walk` section of its config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.errors import ConfigError
from pipeline.images.foreground import ForegroundKind
from pipeline.walk.stop_rule import StopRule


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkConfig:
    """Everything that decides where to look, apart from the network itself."""

    grid: int
    """Cells per side of the candidate grid; 0 for a model that looks once (a full-image baseline)."""
    cell_fraction: float
    """Side of a cell as a fraction of its parent's side."""
    depths: int | None = None
    """Steps from the coarsest look to the finest; None goes down to the finest pixels."""
    roots: Literal["image", "grid", "scan"] = "image"
    """First looks: the whole image; a grid of them on a coarser level; or the best of that grid, as an overview of the
    whole image lets the network expect (`network.root_scorer`)."""
    root_downsample: float = 16.0
    """For `grid` and `scan`: level-0 pixels per window pixel of a root."""
    overview_px: int = 12
    """For `scan`: side of a root in the overview, in pixels."""
    foreground: ForegroundKind = "none"
    """Where roots may lie: everywhere, on valid data, on tissue, where tiles are stored."""
    proposals: Literal["model", "random", "centre"] = "model"
    """Who scores the cells: the network, chance, or their distance from the image's centre (to compare with)."""
    selection: Literal["top_k", "top_k_per_depth", "best_first", "full_scan"] = "top_k"
    """Which open cells to look at: the best k of each region (the paper), the best k of each depth, the best of the
    whole image whatever their depth, or all."""
    score: Literal["path", "cell"] = "path"
    """What cells of different regions are compared by: log attention density summed along the path, or the cell's
    own log-probability (for networks that score each cell for itself)."""
    looks_per_region: tuple[int, ...] = (1,)
    """For `top_k`: k per depth, from the first step on; the last holds for all deeper ones."""
    looks_per_depth: tuple[int, ...] = (1,)
    """For `top_k_per_depth`: looks of all regions of a depth together, from the first step on."""
    wave: int = 1
    """For `best_first`: looks taken before scores are compared again."""
    max_overlap: float | tuple[float, ...] | None = None
    """Largest overlap (0 to 1) of two looks of one depth; several: per depth from the first step on, the last for all
    deeper ones; None forbids identical windows only."""
    budget: int | None = None
    """Largest number of looks per image, roots included; None: no limit."""
    stop_at: float | None = None
    """Stop when the confidence reaches this (0 to 1); None: never. With a stop rule: stop when so large a share of the
    images that stop are right."""
    stop_rule: StopRule | None = None
    """What `foveate calibrate` found out about the model's confidence; None: taken as it is."""

    def __post_init__(self) -> None:
        self._need(self.grid >= 0, f"grid is {self.grid}; it must be 0 or more")
        self._need(0 < self.cell_fraction <= 1, f"cell_fraction is {self.cell_fraction}; 0 to 1")
        self._need(self.depths is None or self.depths >= 1, f"depths is {self.depths}; at least 1")
        self._need(self.root_downsample >= 1, f"root_downsample is {self.root_downsample}; >= 1")
        for name, numbers in (
            ("looks_per_region", self.looks_per_region),
            ("looks_per_depth", self.looks_per_depth),
        ):
            self._need(
                bool(numbers) and min(numbers) >= 0,
                f"{name} is {list(numbers)}; give numbers from 0, at least one",
            )
        self._need(self.wave >= 1, f"wave is {self.wave}; at least 1")
        self._need(self.budget is None or self.budget >= 1, f"budget is {self.budget}; at least 1")
        self._need(
            self.stop_at is None or 0 <= self.stop_at <= 1, f"stop_at is {self.stop_at}; 0 to 1"
        )
        if self.stop_at is not None and self.stop_rule is not None:
            self.stop_rule.confidence_at(self.stop_at, 1)  # refuses what was not calibrated
        self._need(
            all(0 <= value <= 1 for value in self.overlaps or (0,)),
            f"max_overlap is {self.max_overlap}; 0 to 1",
        )
        self._one_of("roots", self.roots, ("image", "grid", "scan"))
        self._need(self.overview_px >= 1, f"overview_px is {self.overview_px}; at least 1")
        self._need(
            self.roots != "scan" or self.selection in ("best_first", "full_scan"),
            f"selection is {self.selection!r}; roots: scan are chosen best_first",
        )
        self._one_of("foreground", self.foreground, ("none", "valid", "tissue", "stored"))
        self._one_of("proposals", self.proposals, ("model", "random", "centre"))
        self._one_of("score", self.score, ("path", "cell"))
        self._one_of(
            "selection", self.selection, ("top_k", "top_k_per_depth", "best_first", "full_scan")
        )

    @property
    def chooses_roots(self) -> bool:
        """Whether some roots are taken and others not; a full scan takes all windows as they come."""
        return self.roots == "scan" and self.selection != "full_scan"

    @property
    def overlaps(self) -> tuple[float, ...] | None:
        """`max_overlap` per depth, from the first step on."""
        if self.max_overlap is None or isinstance(self.max_overlap, tuple):
            return self.max_overlap
        return (self.max_overlap,)

    def _need(self, is_good: bool, problem: str) -> None:
        if not is_good:
            raise ConfigError(f"walk.{problem}")

    def _one_of(self, name: str, value: str, allowed: tuple[str, ...]) -> None:
        self._need(value in allowed, f"{name} is {value!r}; one of {', '.join(allowed)}")
