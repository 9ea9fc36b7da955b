"""CONFIG.yaml as it is on disk, checked down to the last stage before anything is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from actors.training.config import StageConfig, TrainConfig, input_of
from actors.training.stage import stages_of
from models.errors import ModelError
from pipeline.config_sections import config_of, refuse_unknown_keys
from pipeline.errors import ConfigError


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
