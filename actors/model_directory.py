"""A model on disk: config.json and model.safetensors. Read once, before any image is opened.

The sections of config.json belong to their owners: `input` to the pixels, `walk` to the traversal, the rest to
the network. Unknown keys are refused, with the nearest known one.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from models.architecture import ARCHITECTURES
from pipeline.errors import ConfigError
from pipeline.images.input_spec import InputSpec
from pipeline.walk.config import WalkConfig
from pipeline.walk.image_walk import WalkPlan

CONFIG, WEIGHTS = "config.json", "model.safetensors"
SHIPPED = Path(__file__).parent.parent / "models" / "shipped"

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """What config.json says."""

    architecture: str
    """A name of `models.architecture`."""
    class_names: tuple[str, ...]
    """Classes, in the order of the network's outputs."""
    input: InputSpec
    """What the model wants to be shown."""
    walk: WalkConfig
    """How it walks, unless a run says otherwise."""
    trained: bool = False
    """False: the weights are random."""
    seed: int | None = None
    """Seed of the random weights the model started from."""
    format_version: int = 1
    """Of config.json."""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            near = difflib.get_close_matches(self.architecture, ARCHITECTURES, n=1)
            hint = f"; is {near[0]!r} meant?" if near else ""
            known = ", ".join(ARCHITECTURES)
            raise ConfigError(
                f"there is no architecture {self.architecture!r}{hint} Known: {known}"
            )
        repeated = len(set(self.class_names)) != len(self.class_names)
        if len(self.class_names) < 2 or repeated or "" in self.class_names:
            raise ConfigError(
                f"class_names is {list(self.class_names)}; give at least two different names"
            )
        self._agree_with_network()

    @property
    def plan(self) -> WalkPlan:
        """What is the same for all images."""
        return WalkPlan(spec=self.input, walk=self.walk)

    def _agree_with_network(self) -> None:
        network = ARCHITECTURES[self.architecture]
        for name, found, wanted in (
            ("input.base_px", self.input.base_px, network.base_px),
            ("walk.grid", self.walk.grid, network.grid),
        ):
            if found != wanted:
                raise ConfigError(f"{name} is {found}; {self.architecture} is built for {wanted}")


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """A directory that holds both files."""

    path: Path
    """Where it is."""
    config: ModelConfig
    """What config.json says, a run's changes included."""
    sha256: str
    """Of both files as they lie on disk."""

    @property
    def weights(self) -> Path:
        """The file of the weights."""
        return self.path / WEIGHTS

    def with_changes(self, changes: Mapping[str, Any]) -> ModelDirectory:
        """The same model with `walk.NAME` or `input.NAME` set to other values.

        Raises:
            ConfigError: if a name or a value is not known.
        """
        data = config_to_json(self.config)
        for name, value in changes.items():
            section, _, key = name.partition(".")
            if section not in ("walk", "input") or not key:
                raise ConfigError(f"--set {name}: settings are called walk.NAME or input.NAME")
            data[section][key] = value
        return replace(self, config=config_from_json(data))


def open_model(name: str) -> ModelDirectory:
    """The model in a directory, or one that ships with foveate. Weights are not loaded.

    Raises:
        ConfigError: if there is none, or its config.json is not usable.
    """
    path = Path(name) if Path(name).is_dir() else SHIPPED / name
    if not (path / CONFIG).is_file() or not (path / WEIGHTS).is_file():
        shipped = ", ".join(sorted(entry.name for entry in SHIPPED.iterdir() if entry.is_dir()))
        raise ConfigError(
            f"{name}: no model there; a model is a directory with {CONFIG} and {WEIGHTS} "
            f"(foveate new-model makes one), or one of those that ship: {shipped}"
        )
    text = (path / CONFIG).read_bytes()
    digest = hashlib.sha256(text + (path / WEIGHTS).read_bytes()).hexdigest()
    try:
        return ModelDirectory(path, config_from_json(json.loads(text)), digest)
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{path / CONFIG}: {error}") from error


def config_to_json(config: ModelConfig) -> dict[str, Any]:
    """As it is written; `config_from_json` reads it back."""
    return asdict(config)


def config_from_json(data: Any) -> ModelConfig:
    """A checked config.

    Raises:
        ConfigError: naming the key that is unknown, missing or of a wrong type.
    """
    _check_keys(ModelConfig, data, "")
    _check_keys(InputSpec, data["input"], "input")
    _check_keys(WalkConfig, data["walk"], "walk")
    try:
        return TypeAdapter(ModelConfig).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where} is {first['input']!r}; {first['msg']}") from error


def settings_of(model: ModelDirectory) -> dict[str, Any]:
    """Everything that an answer depends on, flat."""
    data = config_to_json(model.config)
    sections = {
        f"{section}.{key}": value
        for section in ("input", "walk")
        for key, value in data[section].items()
    }
    return {"model.sha256": model.sha256, **sections}


def _check_keys(kind: type[DataclassInstance], data: Any, where: str) -> None:
    if not isinstance(data, dict):
        raise ConfigError(f"{where or 'config'} is {data!r}; wanted an object with keys and values")
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
