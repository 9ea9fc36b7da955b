"""When a walk may stop: confidences that were held against the truth on images nobody learned from.

Early confidence promises more than late one, so the confidence that is needed depends on the number of looks.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from pipeline.errors import ConfigError

NEVER = 2.0
"""A confidence that no prediction has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """Of one model; `foveate calibrate` finds it."""

    targets: tuple[float, ...]
    """Shares (0 to 1) of right answers that can be asked for, upwards."""
    looks: tuple[int, ...]
    """Ends of the groups of numbers of looks, upwards; more looks count as the last group."""
    confidences: tuple[tuple[float, ...], ...]
    """Per target and group, the confidence at which to stop; 2: never."""
    num_images: int
    """Images that it was found on."""

    def __post_init__(self) -> None:
        shapes = {len(row) for row in self.confidences}
        if len(self.confidences) != len(self.targets) or shapes != {len(self.looks)}:
            raise ConfigError(
                f"walk.stop_rule: {len(self.confidences)} rows of {sorted(shapes)} confidences, wanted "
                f"{len(self.targets)} of {len(self.looks)}; run foveate calibrate again"
            )

    def confidence_at(self, target: float, num_looks: int) -> float:
        """What a prediction after so many looks must have, for at least `target` right answers.

        Raises:
            ConfigError: if so much was not asked for in calibration.
        """
        row = bisect_left(self.targets, target)
        if row == len(self.targets):
            raise ConfigError(
                f"stop_at is {target}; the model is calibrated up to {self.targets[-1]}, ask for that or less"
            )
        group = min(bisect_left(self.looks, num_looks), len(self.looks) - 1)
        return self.confidences[row][group]
