"""Configs as nested frozen dataclasses: unknown keys are refused with the nearest known one, values are checked."""

from __future__ import annotations

import difflib
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def config_of(kind: type[T], data: Any, where: str = "") -> T:
    """A checked dataclass from what a JSON or YAML file says.

    Args:
        kind: a frozen dataclass; fields that are dataclasses are sections of their own.
        data: a mapping with text keys.
        where: name of the section in messages; empty for the whole file.

    Raises:
        ConfigError: naming the key that is unknown, missing or of a wrong type.
    """
    refuse_unknown_keys(cast("type[DataclassInstance]", kind), data, where)
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        named = ".".join(str(part) for part in (*filter(None, [where]), *first["loc"]))
        raise ConfigError(f"{named or 'config'} is {first['input']!r}; {first['msg']}") from error


def refuse_unknown_keys(kind: type[DataclassInstance], data: Any, where: str) -> None:
    """Hold the keys of a section, and of the sections in it, against the dataclass.

    Raises:
        ConfigError: naming the first key that is unknown or missing.
    """
    if not isinstance(data, dict):
        raise ConfigError(f"{where or 'config'} is {data!r}; wanted keys and values")
    known = {item.name: item for item in fields(kind)}
    dot = f"{where}." if where else ""
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"is '{dot}{near[0]}' meant?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"unknown key '{dot}{key}'; {hint}")
    for name, item in known.items():
        if name not in data and item.default is MISSING and item.default_factory is MISSING:
            raise ConfigError(f"missing key '{dot}{name}'")
    for name, hint in get_type_hints(kind).items():
        if name in data and isinstance(hint, type) and is_dataclass(hint):
            refuse_unknown_keys(hint, data[name], f"{dot}{name}")
