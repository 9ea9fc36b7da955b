"""Right answers of some images, with the interval that so few of them allow."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Right answers of some images."""

    num_right: int
    """Right ones."""
    num_images: int
    """All."""

    @property
    def accuracy(self) -> float:
        """0 to 1."""
        return self.num_right / self.num_images

    @property
    def interval(self) -> tuple[float, float]:
        """95 % (Wilson)."""
        found = binomtest(self.num_right, self.num_images).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        """Percent, with the interval."""
        low, high = self.interval
        return f"{self.accuracy:.1%} ({low:.1%} to {high:.1%})"
