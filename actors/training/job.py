"""One training run, checked and ready to be sent to workers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from actors.model_directory import ModelDirectory, open_model
from actors.training.config import TrainConfig, input_of
from actors.training.config_file import read_train_config
from actors.training.schedule import num_steps
from actors.training.stage import Stage, stages_of
from actors.training.training_data import TrainingData, read_training_data
from pipeline.errors import ConfigError
from pipeline.images.input_spec import InputSpec

_ADDED = {"root_scorer": "none", "levels": 1}
"""Network options for parts that a model to start from may lack, with what they are then."""
_FREE = ("dropout",)
"""Network options that change nothing but the training."""
_SEEN = ("base_px", "bands", "background")
"""Of the input, what the weights depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """Everything that was asked for."""

    config: TrainConfig
    """What the file says."""
    stages: tuple[Stage, ...]
    """Its schedule, complete."""
    input: InputSpec
    """What the model wants to be shown."""
    data: TrainingData
    """Labelled images."""
    start_from: ModelDirectory | None
    """A model whose weights to start from."""
    out: Path
    """Directory for checkpoints, curves and the model."""

    @property
    def num_epochs(self) -> int:
        """Of all stages, without early stopping."""
        return sum(stage.epochs for stage in self.stages)

    def num_steps_per_epoch(self, num_workers: int) -> int:
        """Gradient steps of one epoch."""
        return num_steps(
            len(self.data.train), batch_size=self.config.batch_size, num_workers=num_workers
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that the weights depend on, by section; the number of workers belongs to it (batch statistics)."""
        rows = [
            (one.sample_id, one.image_path, one.label)
            for one in self.data.train + self.data.validation
        ]
        digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
        start = self.start_from.sha256 if self.start_from else None
        return {**asdict(self.config), "data.sha256": digest, "start_from.sha256": start}


def read_training_job(path: Path, out: Path) -> TrainingJob:
    """The job that a config file describes.

    Raises:
        ConfigError: if the file, or the model to start from, is not usable.
        ManifestError: if the images or labels are not.
    """
    config = read_train_config(path)
    start = _start(config, path)
    names = config.model.class_names or (start.config.class_names if start else None)
    return TrainingJob(
        config=config,
        stages=stages_of(config),
        input=input_of(config.model),
        data=read_training_data(config.data, path.parent, names),
        start_from=start,
        out=out,
    )


def _start(config: TrainConfig, path: Path) -> ModelDirectory | None:
    name = config.model.start_from
    if name is None:
        return None
    near = (path.parent / name).absolute()  # workers run in directories of their own
    model = open_model(str(near) if near.is_dir() else name)
    if model.config.architecture != config.model.architecture:
        raise ConfigError(
            f"{path}: model.start_from {name} is a {model.config.architecture}, wanted "
            f"{config.model.architecture}; change model.architecture or start from another model"
        )
    _refuse_other_classes(model, config, path)
    _refuse_other_network(model, config, path)
    _refuse_other_input(model, config, path)
    return model


def _refuse_other_classes(model: ModelDirectory, config: TrainConfig, path: Path) -> None:
    wanted, found = config.model.class_names, model.config.class_names
    if wanted not in (None, found):
        raise ConfigError(
            f"{path}: model.class_names is {list(wanted or ())}, and model.start_from "
            f"{config.model.start_from} has {list(found)}: its outputs would change their meaning; leave "
            "model.class_names out, or start from another model"
        )


def _refuse_other_network(model: ModelDirectory, config: TrainConfig, path: Path) -> None:
    wanted, found = asdict(config.model.network), asdict(model.config.network)
    for name, value in found.items():
        is_free = name in _FREE or (name in _ADDED and value == _ADDED[name])
        if wanted[name] != value and not is_free:
            raise ConfigError(
                f"{path}: model.network.{name} is {wanted[name]!r}, and model.start_from "
                f"{config.model.start_from} was trained with {value!r}; say the same, or start from another model"
            )


def _refuse_other_input(model: ModelDirectory, config: TrainConfig, path: Path) -> None:
    """Value ranges and pixel sizes belong to the images; what the weights were trained to see is the model's."""
    wanted, found = asdict(input_of(config.model)), asdict(model.config.input)
    for name in _SEEN:
        if wanted[name] != found[name]:
            raise ConfigError(
                f"{path}: model.input.{name} is {wanted[name]!r}, and model.start_from "
                f"{config.model.start_from} was trained with {found[name]!r}; say the same, or start from another model"
            )
