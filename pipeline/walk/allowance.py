"""What the walk of one image may spend, where the budget of an archive is shared out among its images."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Bounds; None: no end. The budget of the walk itself holds beside them."""

    looks: int | None = None
    """Looks in all, those of earlier walks of the image included."""
    num_bytes: int | None = None
    """Bytes that this walk may read."""
    until_s: float | None = None
    """`time.time()` at which it ends; looks under way are finished."""
    granted: int = 0
    """What of the archive's budget was set aside for this walk, in the budget's unit; 0: nothing."""

    @property
    def is_endless(self) -> bool:
        """Whether there is no bound at all."""
        return self == ENDLESS

    @property
    def is_over(self) -> bool:
        """Whether its time has passed."""
        return self.until_s is not None and time.time() >= self.until_s


ENDLESS = Allowance()
