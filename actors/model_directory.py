"""A model on disk: config.json and model.safetensors. Read once, before any image is opened.

The sections of config.json belong to their owners: `input` to the pixels, `walk` to the traversal, the rest to
the network. Unknown keys are refused, with the nearest known one.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from models.architecture import ARCHITECTURES
from models.errors import ModelError
from models.network_config import NetworkConfig
from pipeline.config_sections import config_of
from pipeline.errors import ConfigError, StorageError
from pipeline.images.input_spec import InputSpec
from pipeline.storage.place import is_far, shown
from pipeline.storage.whole_object import read_whole
from pipeline.walk.config import WalkConfig
from pipeline.walk.walk_plan import WalkPlan

CONFIG, WEIGHTS = "config.json", "model.safetensors"
Precision: TypeAlias = Literal["float32", "tf32", "bfloat16"]
UNSAID: Mapping[str, Any] = {"network.levels": 1, "precision": "float32", "compiled": False}
"""Settings that younger versions have, and what held for runs of those that had not."""
OF_THE_RUN = ("precision", "compiled")
"""Settings beside `walk` and `input` that a run may change: how the network is computed."""
SHIPPED = Path(__file__).parent.parent / "models" / "shipped"


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
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Options of the network; what it leaves out is the paper's."""
    temperature: float = 1.0
    """Logits are divided by it, so that confidence means what it says; 1: as trained."""
    precision: Precision = "float32"
    """What the network computes in: as everywhere; products of 10 bits on GPUs that can; or mixed with bfloat16."""
    compiled: bool = False
    """Whether workers compile the network first, for the machine that they are on."""
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
        if self.temperature <= 0:
            raise ConfigError(f"temperature is {self.temperature}; it must be above 0")
        self._agree_with_network()

    @property
    def plan(self) -> WalkPlan:
        """What is the same for all images."""
        return WalkPlan(spec=self.input, walk=self.walk)

    def _agree_with_network(self) -> None:
        network = ARCHITECTURES[self.architecture]
        pairs = [("walk.grid", self.walk.grid, network.grid)]
        if network.grid:  # a full-image baseline takes images of any size
            pairs.append(("input.base_px", self.input.base_px, network.base_px))
        for name, found, wanted in pairs:
            if found != wanted:
                raise ConfigError(f"{name} is {found}; {self.architecture} is built for {wanted}")
        if self.walk.roots == "scan" and self.network.root_scorer == "none":
            raise ConfigError(
                "walk.roots is 'scan', and the network scores no roots; set network.root_scorer and train it, or use "
                "walk.roots: grid"
            )
        if self.network.is_of_example and len(self.class_names) != 2:
            raise ConfigError(
                f"class_names is {list(self.class_names)}; a model of an example has two, 'like' and 'unlike'"
            )
        wanted_score = "cell" if self.network.cell_scores == "independent" else "path"
        if network.grid and self.walk.score != wanted_score:
            raise ConfigError(
                f"walk.score is {self.walk.score!r}; with network.cell_scores "
                f"{self.network.cell_scores!r} it must be {wanted_score!r}"
            )


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """Both files of a model, read: it can be sent to a machine that does not see the directory."""

    place: str
    """Path or URL of the directory."""
    config: ModelConfig
    """What config.json says, a run's changes included."""
    sha256: str
    """Of both files as they are stored."""
    weights: bytes = field(repr=False)
    """What model.safetensors holds."""

    def with_changes(self, changes: Mapping[str, Any]) -> ModelDirectory:
        """The same model with `walk.NAME`, `input.NAME` or one of `OF_THE_RUN` set to other values.

        Raises:
            ConfigError: if a name or a value is not known.
        """
        data = config_to_json(self.config)
        for name, value in changes.items():
            section, _, key = name.partition(".")
            if name in OF_THE_RUN:
                data[name] = value
                continue
            if section not in ("walk", "input") or not key:
                raise ConfigError(
                    f"--set {name}: settings are called walk.NAME, input.NAME, {' or '.join(OF_THE_RUN)}"
                )
            data[section][key] = value
        return replace(self, config=config_from_json(data))


def open_model(name: str) -> ModelDirectory:
    """The model in a directory, below a URL, or one that ships with foveate. Weights are not understood yet.

    Raises:
        ConfigError: if there is none, or its config.json is not usable.
    """
    place = name.rstrip("/") if is_far(name) or Path(name).is_dir() else str(SHIPPED / name)
    try:
        text, weights = read_whole(f"{place}/{CONFIG}"), read_whole(f"{place}/{WEIGHTS}")
    except StorageError as error:
        raise ConfigError(f"the model in {shown(name)} cannot be read: {error}") from error
    if text is None or weights is None:
        shipped = ", ".join(sorted(entry.name for entry in SHIPPED.iterdir() if entry.is_dir()))
        raise ConfigError(
            f"{shown(name)}: no model there; a model is a directory with {CONFIG} and {WEIGHTS} "
            f"(foveate new-model makes one), or one of those that ship: {shipped}"
        )
    digest = hashlib.sha256(text + weights).hexdigest()
    try:
        return ModelDirectory(place, config_from_json(json.loads(text)), digest, weights)
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{shown(place)}/{CONFIG}: {error}") from error


def config_to_json(config: ModelConfig) -> dict[str, Any]:
    """As it is written; `config_from_json` reads it back."""
    return asdict(config)


def config_to_text(config: ModelConfig) -> str:
    """What config.json holds."""
    return json.dumps(config_to_json(config), indent=2) + "\n"


def config_from_json(data: Any) -> ModelConfig:
    """A checked config.

    Raises:
        ConfigError: naming the key that is unknown, missing or of a wrong type.
    """
    try:
        return config_of(ModelConfig, data)
    except ModelError as error:
        raise ConfigError(str(error)) from error


def settings_of(model: ModelDirectory) -> dict[str, Any]:
    """Everything that an answer depends on, flat."""
    data = config_to_json(model.config)
    sections = {
        f"{section}.{key}": value
        for section in ("input", "walk", "network")
        for key, value in data[section].items()
    }
    whole = {key: data[key] for key in ("temperature", *OF_THE_RUN)}
    return {"model.sha256": model.sha256, **whole, **sections}
