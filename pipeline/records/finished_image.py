"""What a run keeps of an image, as plain values: its prediction, its looks, and what each level cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.images.region import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedLook:
    """A row of glimpses/."""

    order: int
    """0 is the first."""
    wave: int | None
    """Looks that were decided together; None: a run of an earlier version, which did not say."""
    depth: int
    """Steps from the coarsest look."""
    level: int | None
    """Level that was read; None: it could not be."""
    region: Region
    """Level-0 pixels."""
    score: float
    """What chose it."""
    label_so_far: str | None
    """Prediction after it."""
    confidence_so_far: float | None
    """Its probability."""
    bytes_so_far: int
    """Bytes up to it."""
    requests_so_far: int
    """Reads up to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedLevel:
    """A row of ledger/."""

    level: int | None
    """None: header and index."""
    tiles_total: int
    """Stored tiles."""
    tiles_read: int
    """Different ones read."""
    pixels_total: int
    """Pixels."""
    pixels_read: int
    """Different ones shown."""
    transferred_bytes: int
    """Bytes."""
    requests: int
    """Reads."""
    full_scan_bytes: int | None
    """Bytes of all its tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedImage:
    """An image with everything that the run kept of it."""

    sample_id: str
    """Its name."""
    image_path: str
    """Where it is."""
    status: str
    """ok, degraded or failed."""
    label: str | None
    """Prediction."""
    confidence: float | None
    """Its probability."""
    probabilities: Mapping[str, float]
    """Of every class; empty when failed."""
    true_label: str | None
    """Of the manifest."""
    error: str | None
    """What went wrong."""
    stop_reason: str | None
    """Why its walk ended; None of a failed one."""
    seconds: float
    """Of its walk."""
    bytes_read: int
    """Bytes in all."""
    height_px: int
    """Level-0 rows; 0 when it could not be opened."""
    width_px: int
    """Level-0 columns."""
    pixel_size: tuple[float, float] | None
    """Height and width of a level-0 pixel."""
    pixel_size_unit: str | None
    """um or m."""
    crs: str | None
    """Coordinate reference system, of a map."""
    transform: tuple[float, ...] | None
    """(a, b, c, d, e, f): pixel corner (x, y) to map (a x + b y + c, d x + e y + f)."""
    looks: tuple[FinishedLook, ...]
    """In order."""
    ledger: tuple[FinishedLevel, ...]
    """Header, then levels, finest first."""

    @property
    def finest_level(self) -> int | None:
        """Finest level that a look was read from."""
        return min((look.level for look in self.looks if look.level is not None), default=None)
