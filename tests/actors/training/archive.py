"""A small labelled archive and configs to train on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from actors.training.figures import EpochFigures, read_figures
from actors.training.job import TrainingJob, read_training_job
from jobs.archive_writing import write_archive
from pipeline.benchmarks.archive import ArchivePlan
from pipeline.benchmarks.digits import read_digits
from pipeline.benchmarks.scene import SceneLaw


def make_archive(directory: Path, *, num_train: int = 24, canvas_px: int = 384) -> Path:
    """Its manifest: images with three digits of 28 px and a little noise."""
    plan = ArchivePlan(
        law=SceneLaw(canvas_px=canvas_px, num_digits=3, num_majority=2, num_noise=4),
        num_train=num_train,
        num_test=4,
        validation=0.25,
        pad_to_px=canvas_px,
        tile_px=64,
        seed=2,  # with it every class to choose by is one to learn from, few as they are
    )
    write_archive(plan, read_digits("digits"), directory)
    return directory / "manifest.csv"


def small_config(manifest: Path, **changes: Any) -> dict[str, Any]:
    """A config that learns a little of it quickly; `changes` replace whole sections."""
    config: dict[str, Any] = {
        "data": {"manifest": str(manifest)},
        "model": {
            "architecture": "tnet_small",
            "input": {"bands": "luminance", "background": 0.0},
            "network": {"cell_scores": "independent", "aggregation": "evidence"},
            "walk": {"selection": "best_first", "score": "cell", "budget": 5, "max_overlap": 0.45},
        },
        "exploration": {"gumbel_scale": 0.2, "random_cells": [0.5], "jitter_px": [4]},
        "learning": {"location": "dense", "stop_gradient": False, "lambda_f": 1.0},
        "optimiser": {"learning_rate": 0.002, "decay": "linear"},
        "batch_size": 6,
        "workers": 1,
        "stages": [{"epochs": 1, "exploration": {"blob_share": 1.0}}, {"epochs": 2}],
    }
    return config | changes


def job_of(directory: Path, config: dict[str, Any], out: Path) -> TrainingJob:
    """The job of a config written to a file in `directory`."""
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    out.mkdir(parents=True, exist_ok=True)
    return read_training_job(path, out)


def curve(out: Path) -> list[EpochFigures]:
    """What the run said of its epochs, but for how long they took."""
    return [replace(one, seconds=0.0) for one in read_figures(out)]
