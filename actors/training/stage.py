"""A part of the schedule, complete: what CONFIG.yaml says, over what the architecture says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from actors.training.config import NetworkChoice, StageConfig, TrainConfig
from models.architecture import architecture_named
from models.learning.config import LearningConfig
from pipeline.config_sections import config_of
from pipeline.errors import ConfigError
from pipeline.images.augmentation import AugmentationConfig
from pipeline.walk.config import WalkConfig
from pipeline.walk.exploration import ExplorationConfig


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
