"""What `foveate train` is told: CONFIG.yaml as frozen dataclasses, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from models.architecture import architecture_named
from models.errors import ModelError
from models.learning.config import LearningConfig
from models.network_config import NetworkConfig
from pipeline.config_sections import config_of, refuse_unknown_keys
from pipeline.errors import ConfigError
from pipeline.images.augmentation import AugmentationConfig
from pipeline.images.input_spec import InputSpec
from pipeline.walk.config import WalkConfig
from pipeline.walk.exploration import ExplorationConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Which images to learn from."""

    manifest: str
    """CSV or Parquet with `image_path`, `label` and `split`; relative to the config file."""
    validation_manifest: str | None = None
    """A manifest of its own for validation; None: a split of the first one."""
    train: str = "train"
    """Split to learn from."""
    validation: str = "validation"
    """Split to choose by: early stopping, best epoch, temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChoice:
    """Which network, and how it walks."""

    architecture: str
    """A name of `foveate models`."""
    walk: Mapping[str, Any] = field(default_factory=dict)
    """`walk` section of the model's config.json; grid and cell_fraction come from the architecture."""
    input: Mapping[str, Any] = field(default_factory=dict)
    """`input` section; base_px comes from the architecture."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """`network` section."""
    class_names: tuple[str, ...] | None = None
    """Classes in the order of the outputs; None: the labels of the training split, sorted."""
    start_from: str | None = None
    """A model directory whose weights to start from; None: random weights."""

    def __post_init__(self) -> None:
        if self.network.is_of_example:
            raise ConfigError(
                "model.network is that of a model that foveate search made of an example; there is nothing in it to "
                "train. Choose another location and aggregation"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserConfig:
    """Adam and its learning rate."""

    learning_rate: float = 1e-3
    """At the start."""
    decay: Literal["step", "linear", "none"] = "step"
    """After `decay_from`: a tenth at once (the paper), straight down to 1 %, or nothing."""
    decay_from: float = 0.8
    """Share of a stage's steps after which it decays (0.8: the authors' code)."""
    weight_decay: float = 0.0
    """Decoupled (AdamW)."""
    epsilon: float = 1e-7
    """Of Adam; Keras' default, which the authors' code uses."""
    clip_norm: float | None = None
    """Largest norm of the gradient; None: no limit."""

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise ConfigError(f"optimiser.learning_rate is {self.learning_rate}; above 0")
        if not 0 <= self.decay_from <= 1:
            raise ConfigError(f"optimiser.decay_from is {self.decay_from}; 0 to 1")
        if self.weight_decay < 0:
            raise ConfigError(f"optimiser.weight_decay is {self.weight_decay}; 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageConfig:
    """A part of the schedule. What it does not name is as in the sections of the same name."""

    epochs: int
    """Passes over the training split."""
    learning_rate: float | None = None
    """Starts a schedule of its own, with this rate and a fresh optimiser; None: goes on with the one before."""
    walk: Mapping[str, Any] = field(default_factory=dict)
    """Changes, such as {depths: 2, looks_per_region: [2]} for the paper's first stage."""
    training_walk: Mapping[str, Any] = field(default_factory=dict)
    """Changes of the section of that name."""
    learning: Mapping[str, Any] = field(default_factory=dict)
    """Changes of the learning rule."""
    exploration: Mapping[str, Any] = field(default_factory=dict)
    """Changes of exploration."""
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    """Changes of augmentation."""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"stages: epochs is {self.epochs}; at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStopping:
    """When to stop before the schedule ends. The best epoch is kept in any case."""

    metric: Literal["accuracy", "loss"] = "accuracy"
    """Of the validation split: top-1 accuracy, or cross-entropy of the final prediction."""
    patience: int | None = None
    """Epochs of a stage without a better one after which the stage ends; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """CONFIG.yaml."""

    data: DataConfig
    """Images, labels, splits."""
    model: NetworkChoice
    """What is trained."""
    stages: tuple[StageConfig, ...]
    """The schedule; the paper trains few depths first, then finetunes deeper."""
    training_walk: Mapping[str, Any] = field(default_factory=dict)
    """How images are walked to learn from them, where that is not the model's own walk."""
    learning: Mapping[str, Any] = field(default_factory=dict)
    """The learning rule (`models.learning.config`); empty: the paper's."""
    exploration: Mapping[str, Any] = field(default_factory=dict)
    """How training looks where the network would not (`pipeline.walk.exploration`)."""
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    """`pipeline.images.augmentation`; empty: none."""
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    """Adam."""
    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    """On the validation split."""
    batch_size: int = 32
    """Images of one step, over all workers."""
    workers: int | None = None
    """Worker processes; None: one per GPU, without GPUs one per processor, four at most."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where possible on a GPU, float32 on a CPU."""
    seed: int = 0
    """Of weights, order, exploration and augmentation."""

    def __post_init__(self) -> None:
        if not self.stages:
            raise ConfigError("stages is empty; give at least one, such as - epochs: 20")
        if self.batch_size < 1:
            raise ConfigError(f"batch_size is {self.batch_size}; at least 1")
        if self.workers is not None and not 1 <= self.workers <= self.batch_size:
            raise ConfigError(f"workers is {self.workers}; from 1 to batch_size, {self.batch_size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the schedule, complete."""

    epochs: int
    """Passes over the training split."""
    learning_rate: float
    """At the start of its schedule."""
    epochs_before: int
    """Epochs of the same learning rate schedule in the stages before."""
    epochs_of_schedule: int
    """Epochs of that schedule, all of its stages together."""
    walk: WalkConfig
    """How images are walked to validate, and by the model at the end."""
    training_walk: WalkConfig
    """How images are walked to learn from them."""
    learning: LearningConfig
    """What is learned from a walk."""
    exploration: ExplorationConfig
    """What differs from the network's own choice of looks."""
    augmentation: AugmentationConfig
    """How images are varied."""

    def __post_init__(self) -> None:
        if self.augmentation.moves and self.training_walk.roots != "image":
            raise ConfigError(
                "augmentation.flip and augmentation.crop_area move the whole image, and need walks that start with "
                f"it; walk.roots is {self.training_walk.roots!r}, wanted 'image'"
            )


def read_train_config(path: Path) -> TrainConfig:
    """CONFIG.yaml, checked down to the last stage.

    Raises:
        ConfigError: naming the file and the key that is unknown, missing or wrong.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from error
    try:
        config = _parsed(data)
        stages_of(config)
        input_of(config.model)
    except (ConfigError, ModelError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return config


def _parsed(data: Any) -> TrainConfig:
    refuse_unknown_keys(TrainConfig, data, "")
    stages = data["stages"]
    if not isinstance(stages, list):
        raise ConfigError(f"stages is {stages!r}; wanted a list, such as - epochs: 20")
    for index, stage in enumerate(stages):
        refuse_unknown_keys(StageConfig, stage, f"stages[{index}]")
    return config_of(TrainConfig, data)


def stages_of(config: TrainConfig) -> tuple[Stage, ...]:
    """The schedule with all sections filled in.

    Raises:
        ConfigError: naming the key of a section that is unknown or wrong.
    """
    stages: list[Stage] = []
    for index, stage in enumerate(config.stages):
        first = max(i for i in range(index + 1) if i == 0 or config.stages[i].learning_rate)
        later = (i for i in range(index + 1, len(config.stages)) if config.stages[i].learning_rate)
        schedule = config.stages[first : next(later, len(config.stages))]
        stages.append(
            _stage(
                config,
                stage,
                learning_rate=schedule[0].learning_rate or config.optimiser.learning_rate,
                epochs_before=sum(one.epochs for one in config.stages[first:index]),
                epochs_of_schedule=sum(one.epochs for one in schedule),
            )
        )
    return tuple(stages)


def _stage(config: TrainConfig, stage: StageConfig, **schedule: Any) -> Stage:
    walk = {**asdict(walk_of(config.model)), **stage.walk}
    return Stage(
        epochs=stage.epochs,
        **schedule,
        walk=config_of(WalkConfig, walk, "walk"),
        training_walk=config_of(
            WalkConfig, {**walk, **config.training_walk, **stage.training_walk}, "training_walk"
        ),
        learning=config_of(LearningConfig, {**config.learning, **stage.learning}, "learning"),
        exploration=config_of(
            ExplorationConfig, {**config.exploration, **stage.exploration}, "exploration"
        ),
        augmentation=config_of(
            AugmentationConfig, {**config.augmentation, **stage.augmentation}, "augmentation"
        ),
    )


def walk_of(model: NetworkChoice) -> WalkConfig:
    """How the trained model will walk; what the config does not say is the architecture's."""
    network = architecture_named(model.architecture)
    base: dict[str, Any] = {"grid": network.grid, "cell_fraction": network.cell_fraction}
    if network.looks_per_region:
        base |= {"depths": network.depths, "looks_per_region": network.looks_per_region}
    return config_of(WalkConfig, {**base, **model.walk}, "model.walk")


def input_of(model: NetworkChoice) -> InputSpec:
    """What the model wants to be shown."""
    base = {"base_px": architecture_named(model.architecture).base_px}
    return config_of(InputSpec, {**base, **model.input}, "model.input")
