"""Options of the learning rule. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningConfig:
    """The defaults are the paper's ImageNet training (equations 2 to 8 and the authors' code)."""

    lambda_f: float = 0.1
    """Weight of what the location module learns from, beside the classification terms (equation 8)."""
    lambda_c: float = 0.3
    """Share of the prediction of all looks in the classification terms; the rest is that of single looks (2a)."""
    lambda_r: float = 0.3
    """The same among the rewards (2b)."""
    location: Literal["reinforce", "dense", "both", "none"] = "reinforce"
    """Rewards (the paper); or what each look turned out to tell, as a target for the cell that led there."""
    stop_gradient: bool = True
    """Whether what the location module learns leaves the feature extraction alone (authors' code). A dense target is
    quiet enough to teach it, too, and the coarsest looks have no other teacher once `per_feature_from` is 1."""
    baseline_momentum: float = 0.9
    """Of the moving average that rewards are compared with (equation 7)."""
    baseline_start: float = 0.5
    """Where it starts."""
    per_feature_from: int = 0
    """First depth whose single looks are taught the image's class; 1: not the coarsest, which would memorise."""
    per_feature_to: int | None = None
    """Last such depth; None: the finest. The paper's second fMoW stage stops at 1."""
    bootstrap: bool = False
    """Dense target: whether a region is also worth what its best cell promises, looked at or not."""
    level_temperature: float = 1.0
    """Of the relaxed choice of a level (`network.levels`); small: close to the hard choice, and seldom a gradient."""
    subsets: bool = False
    """Whether the prediction of a random first part of the looks is taught too, so that any budget has a valid one."""

    def __post_init__(self) -> None:
        for name in ("lambda_c", "lambda_r", "baseline_momentum", "baseline_start"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ModelError(f"learning.{name} is {value}; 0 to 1")
        if self.lambda_f < 0:
            raise ModelError(f"learning.lambda_f is {self.lambda_f}; 0 or more")
        if self.level_temperature <= 0:
            raise ModelError(f"learning.level_temperature is {self.level_temperature}; above 0")
        if self.per_feature_from < 0:
            raise ModelError(f"learning.per_feature_from is {self.per_feature_from}; 0 or more")
        if self.per_feature_to is not None and self.per_feature_to < self.per_feature_from:
            raise ModelError(
                f"learning.per_feature_to is {self.per_feature_to}, below per_feature_from, "
                f"{self.per_feature_from}"
            )
