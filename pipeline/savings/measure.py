"""One image, one way of reading it, one budget: a row of savings/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Way: TypeAlias = Literal["attention", "random", "centre", "foreground", "full_scan"]
"""`attention`: the model's looks; `random`, `centre`: as many looks chosen by chance or by nearness to the centre;
`foreground`: every tile of the finest level with tissue or valid data; `full_scan`: every one of them."""
WALKS: tuple[Way, ...] = ("attention", "random", "centre")
"""Ways with budgets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What it came to."""

    sample_id: str
    """Which image."""
    way: Way
    """How it was read."""
    budget: int | None
    """Most looks; None: all there are."""
    is_run: bool
    """True: it was done. False: counted from the image's index, nothing was read."""
    label: str | None = None
    """Prediction."""
    confidence: float | None = None
    """Its probability."""
    is_right: bool | None = None
    """Whether it is the true label, where that is known."""
    agrees: bool | None = None
    """Whether it is what the full scan says, where there was one."""
    looks: int | None = None
    """Looks taken."""
    pixels: int | None = None
    """Different pixels shown to the model, of all levels."""
    native_pixels: int | None = None
    """Those of level 0."""
    tiles: int | None = None
    """Different stored tiles."""
    requested_bytes: int | None = None
    """Encoded bytes of those tiles."""
    bytes_read: int | None = None
    """Bytes that storage delivered, header and index included."""
    requests: int | None = None
    """Reads."""
    seconds: float | None = None
    """Of the image's walk, shared out over its looks; images in flight share the machine."""
    multiplications: int | None = None
    """Of the network."""


AMOUNTS = (
    "looks",
    "pixels",
    "native_pixels",
    "tiles",
    "requested_bytes",
    "bytes_read",
    "requests",
    "seconds",
    "multiplications",
)
"""Fields that are averaged."""
