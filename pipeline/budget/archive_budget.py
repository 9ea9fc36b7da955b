"""What a whole archive may cost: looks, bytes, or seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.errors import UsageError

Unit: TypeAlias = Literal["looks", "bytes", "seconds"]
_UNITS: dict[str, tuple[Unit, float]] = {
    **dict.fromkeys(("look", "looks"), ("looks", 1)),
    **{f"{p}B".upper(): ("bytes", 1000.0**i) for i, p in enumerate(("", "k", "M", "G", "T", "P"))},
    **{f"{p}iB".upper(): ("bytes", 1024.0 ** (i + 1)) for i, p in enumerate("kMGTP")},
    "s": ("seconds", 1),
    "min": ("seconds", 60),
    "h": ("seconds", 3600),
    "d": ("seconds", 86400),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveBudget:
    """A bound on a whole run."""

    amount: int
    """How many."""
    unit: Unit
    """Of what. Bytes are what storage delivers; seconds are those of the clock while passes are taken, the start of
    workers included."""

    def __str__(self) -> str:
        return f"{self.amount:,} {self.unit}"


def parse_archive_budget(text: str) -> ArchiveBudget:
    """From what a person writes: 2TB, 1.5GiB, 100000 looks, 90min.

    Raises:
        UsageError: naming what is understood.
    """
    found = re.fullmatch(r"\s*([\d_]+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    name = found[2] if found else ""
    unit = _UNITS.get(name) or _UNITS.get(name.lower()) or _UNITS.get(name.upper())
    if found is None or unit is None:
        raise UsageError(
            f"--archive-budget {text}: wanted a number and a unit: bytes (500GB, 2TB, 1.5GiB), looks (100000looks) or "
            "time (600s, 90min, 12h, 2d)"
        )
    amount = int(float(found[1].replace("_", "")) * unit[1])
    if amount < 1:
        raise UsageError(f"--archive-budget {text}: is nothing at all; wanted at least one of it")
    return ArchiveBudget(amount=amount, unit=unit[0])
