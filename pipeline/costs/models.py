"""Price lists: what is charged, and by which rules. Prices are the user's, dated; none is built in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from pipeline.config_sections import config_of
from pipeline.errors import ConfigError

BYTES_PER_GB = 10**9
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class PerArea:
    """Imagery that is ordered by area."""

    kind: Literal["per_km2"]
    """Which model."""
    name: str
    """As it is called in tables."""
    as_of: date
    """Day of the prices."""
    currency: str
    """Such as EUR."""
    price: float
    """Per km2."""
    min_area_km2: float = 0.0
    """Smallest area that an order is charged for."""
    min_width_km: float = 0.0
    """Smallest side of an order."""
    max_vertices: int = 4
    """Most corners of an order. Orders are rectangles, so fewer than 4 is an error and more is not made use of."""
    overview: Literal["free", "paid"] = "free"
    """Whether looks at coarser levels are ordered too, or taken from a free overview."""

    def __post_init__(self) -> None:
        _refuse_negative(self)
        if self.max_vertices < 4:
            raise ConfigError(
                f"max_vertices is {self.max_vertices}; orders have 4 corners at least"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PerScene:
    """Imagery that is bought by the scene: looking at less of it saves nothing."""

    kind: Literal["per_scene"]
    """Which model."""
    name: str
    """As it is called in tables."""
    as_of: date
    """Day of the prices."""
    currency: str
    """Such as EUR."""
    price: float
    """Per scene."""

    def __post_init__(self) -> None:
        _refuse_negative(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerByte:
    """Storage that charges what leaves it."""

    kind: Literal["per_gb"]
    """Which model."""
    name: str
    """As it is called in tables."""
    as_of: date
    """Day of the prices."""
    currency: str
    """Such as EUR."""
    price: float
    """Per GB of 10^9 bytes."""
    price_per_1000_requests: float = 0.0
    """Per 1,000 reads."""

    def __post_init__(self) -> None:
        _refuse_negative(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """A microscope that visits fields one after another."""

    kind: Literal["scanner"]
    """Which model."""
    name: str
    """As it is called in tables."""
    as_of: date
    """Day of the prices."""
    currency: str
    """Such as EUR."""
    field_px: int
    """Side of a field of view, level-0 pixels."""
    move_s: float
    """Moving the stage to the next field."""
    exposure_s: float
    """Focus and exposure of a field."""
    price_per_hour: float
    """Of the scanner."""

    def __post_init__(self) -> None:
        _refuse_negative(self)
        if self.field_px < 1:
            raise ConfigError(f"field_px is {self.field_px}; at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuTime:
    """A machine that is paid by the hour."""

    kind: Literal["gpu_seconds"]
    """Which model."""
    name: str
    """As it is called in tables."""
    as_of: date
    """Day of the prices."""
    currency: str
    """Such as EUR."""
    price_per_hour: float
    """Of the machine."""

    def __post_init__(self) -> None:
        _refuse_negative(self)


CostModel: TypeAlias = PerArea | PerScene | PerByte | Scanner | GpuTime
KINDS: dict[str, type[CostModel]] = {
    "per_km2": PerArea,
    "per_scene": PerScene,
    "per_gb": PerByte,
    "scanner": Scanner,
    "gpu_seconds": GpuTime,
}


def read_cost_models(paths: Sequence[Path]) -> tuple[CostModel, ...]:
    """One model per YAML file.

    Raises:
        ConfigError: naming the file and the key that is unknown, missing, negative, or of a wrong type.
    """
    models = tuple(_read(path) for path in paths)
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two cost files are called {name!r}; give each a name of its own")
    return models


def _read(path: Path) -> CostModel:
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}; give a YAML file") from error
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigError(f"{path}: kind is {kind!r}; one of {', '.join(KINDS)}")
    try:
        return config_of(KINDS[kind], data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _refuse_negative(model: Any) -> None:
    for item in fields(model):
        value = getattr(model, item.name)
        if isinstance(value, int | float) and not value >= 0:
            raise ConfigError(f"{item.name} is {value}; 0 or more")
