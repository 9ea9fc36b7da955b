"""How a model walks an image: the `walk` section of its config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.errors import ConfigError
from pipeline.images.foreground import ForegroundKind


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkConfig:
    """Everything that decides where to look, apart from the network itself."""

    grid: int
    """Cells per side of the candidate grid; 0 for a model that looks once (a full-image baseline)."""
    cell_fraction: float
    """Side of a cell as a fraction of its parent's side."""
    depths: int | None = None
    """Steps from the coarsest look to the finest; None goes down to the finest pixels."""
    roots: Literal["image", "grid"] = "image"
    """First looks: the whole image, or a grid of them on a coarser level."""
    root_downsample: float = 16.0
    """For `grid`: level-0 pixels per window pixel of a root."""
    foreground: ForegroundKind = "none"
    """Where roots may lie: everywhere, on valid data, on tissue."""
    selection: Literal["top_k", "best_first", "full_scan"] = "top_k"
    """Which open cells to look at: the best k of each region (the paper), the best of the whole image, or all."""
    looks_per_region: tuple[int, ...] = (1,)
    """For `top_k`: k per depth, from the first step on; the last holds for all deeper ones."""
    wave: int = 1
    """For `best_first`: looks taken before scores are compared again."""
    max_overlap: float | None = None
    """Largest overlap (0 to 1) of two looks of one depth; None forbids identical windows only."""
    budget: int | None = None
    """Largest number of looks per image, roots included; None: no limit."""
    stop_at: float | None = None
    """Stop when the confidence reaches this (0 to 1); None: never."""

    def __post_init__(self) -> None:
        self._need(self.grid >= 0, f"grid is {self.grid}; it must be 0 or more")
        self._need(0 < self.cell_fraction <= 1, f"cell_fraction is {self.cell_fraction}; 0 to 1")
        self._need(self.depths is None or self.depths >= 1, f"depths is {self.depths}; at least 1")
        self._need(self.root_downsample >= 1, f"root_downsample is {self.root_downsample}; >= 1")
        self._need(
            bool(self.looks_per_region) and min(self.looks_per_region) >= 0,
            f"looks_per_region is {list(self.looks_per_region)}; give numbers from 0, at least one",
        )
        self._need(self.wave >= 1, f"wave is {self.wave}; at least 1")
        self._need(self.budget is None or self.budget >= 1, f"budget is {self.budget}; at least 1")
        for name, value in (("max_overlap", self.max_overlap), ("stop_at", self.stop_at)):
            self._need(value is None or 0 <= value <= 1, f"{name} is {value}; 0 to 1")
        self._one_of("roots", self.roots, ("image", "grid"))
        self._one_of("foreground", self.foreground, ("none", "valid", "tissue"))
        self._one_of("selection", self.selection, ("top_k", "best_first", "full_scan"))

    def _need(self, is_good: bool, problem: str) -> None:
        if not is_good:
            raise ConfigError(f"walk.{problem}")

    def _one_of(self, name: str, value: str, allowed: tuple[str, ...]) -> None:
        self._need(value in allowed, f"{name} is {value!r}; one of {', '.join(allowed)}")
