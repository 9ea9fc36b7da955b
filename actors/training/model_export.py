"""The model directory that training leaves behind: classify takes it as it is."""

from __future__ import annotations

from pathlib import Path

from actors.model_directory import CONFIG, WEIGHTS, ModelConfig, config_to_text
from actors.training.job import TrainingJob
from actors.training.stage import Stage
from models.tnet import TNet
from models.weights import save_weights
from pipeline.records.run import write_text

MODEL = "model"


def export_model(
    job: TrainingJob, stage: Stage, network: TNet, *, temperature: float = 1.0
) -> Path:
    """Write (or replace) OUT/model: the network, walking as `stage` does; each file appears whole."""
    directory = job.out / MODEL
    directory.mkdir(exist_ok=True)
    config = ModelConfig(
        architecture=job.config.model.architecture,
        class_names=job.data.class_names,
        input=job.input,
        walk=stage.walk,
        network=job.config.model.network,
        temperature=temperature,
        trained=True,
        seed=job.config.seed,
    )
    partial = directory / f".{WEIGHTS}.partial"
    save_weights(network, partial)
    partial.replace(directory / WEIGHTS)
    write_text(directory / CONFIG, config_to_text(config))
    return directory
