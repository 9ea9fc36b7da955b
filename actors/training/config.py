"""What `foveate train` is told, section by section, and what holds where nothing is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from models.architecture import architecture_named
from models.network_config import NetworkConfig
from pipeline.config_sections import config_of
from pipeline.errors import ConfigError
from pipeline.images.input_spec import InputSpec


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
    """Classes in the order of the outputs; None: those of `start_from`, or the labels of the training
    split, sorted."""
    start_from: str | None = None
    """A model directory whose weights to start from, with the same classes and network; None: random weights."""

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


def input_of(model: NetworkChoice) -> InputSpec:
    """What the model wants to be shown."""
    base = {"base_px": architecture_named(model.architecture).base_px}
    return config_of(InputSpec, {**base, **model.input}, "model.input")
