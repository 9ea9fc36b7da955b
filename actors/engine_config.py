"""How much one engine takes on at once."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.walk.scheduler import Limits
from pipeline.walk.walk import LookModel


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How much one engine takes on at once."""

    images_in_flight: int = 32
    """Images open at once."""
    num_readers: int = 8
    """Threads that read from disks; they also decode, so more of them than processors help little."""
    num_far_readers: int = 64
    """Threads that read from servers; they mostly wait."""
    batches_ahead: int = 4
    """Windows read ahead of the model, in batches."""
    cache_bytes: int = 256 * 2**20
    """Decoded tiles kept, over all open images."""
    read_timeout_s: float = 120.0
    """Longest time that the pixels of one look, or opening one image, may take."""

    def limits(self, model: LookModel) -> Limits:
        """What that means for the scheduler."""
        return Limits(
            num_images=self.images_in_flight,
            num_windows=self.batches_ahead * model.batch_size * model.num_lanes,
            batch_size=model.batch_size,
        )
