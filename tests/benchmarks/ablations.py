"""One change at a time: what each part of the recipe is worth on megapixel-MNIST.

    python -m tests.benchmarks.ablations ARCHIVE OUT [--epochs 8] [--seed 0] [--only NAME,...] [--in-process]

Each variant is a run of `foveate train` by its own config; a run that was broken off goes on. What is compared is
the validation split: the test split is for the recipe that was chosen by it.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from actors.training.figures import read_figures

RECIPE = Path(__file__).with_name("t1.yaml")
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "no per-feature regularization": {"learning.lambda_c": 1.0},
    "per-feature loss at depth 0 too": {"learning.per_feature_from": 0},
    "rewards instead of the dense target": {"learning.location": "reinforce"},
    "gradient stopped": {"learning.stop_gradient": True},
    "top-k instead of Gumbel": {"exploration.gumbel_scale": 0.0},
    "no cells by chance": {"exploration.random_cells": [0.0]},
    "no overlap suppression": {"model.walk.max_overlap": None},
    "no jitter": {"exploration.jitter_px": [0.0]},
    "no warm start": {"blobs": False},
    "mean of features": {"model.network.aggregation": "mean"},
    "learned weights": {"model.network.aggregation": "weighting"},
    "LTPA pc": {"model.network.aggregation": "attention_pc"},
    "LTPA dp": {"model.network.aggregation": "attention_dp"},
    "gated attention": {"model.network.aggregation": "attention_gated"},
    "class token": {"model.network.aggregation": "class_token"},
    "SAOL": {"model.network.aggregation": "saol"},
    "ConvLSTM": {"model.network.aggregation": "conv_lstm"},
    "per region": {
        "model.walk.selection": "top_k",
        "model.walk.looks_per_region": [12, 1],
        "training_walk": {},
    },
    "AttentionRNN": {"model.network.location": "attention_rnn"},
    "Block AttentionRNN": {"model.network.location": "block_attention_rnn"},
    "UAN's choice of levels": {"model.network.levels": 2},
    "best of each depth": {
        "model.walk.selection": "top_k_per_depth",
        "model.walk.looks_per_depth": [13, 11],
    },
}


def main() -> None:
    """Train what is not trained yet, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(CHANGES))
    parser.add_argument(
        "--in-process", action="store_true", help="one worker a run, to have several side by side"
    )
    asked = parser.parse_args()
    for name in asked.only.split(","):
        directory = asked.out / name.replace(" ", "_")
        _train(directory, _config(CHANGES[name], asked), in_process=asked.in_process)
    print("\n".join(_table(asked)))


def _config(changes: Mapping[str, Any], asked: argparse.Namespace) -> dict[str, Any]:
    config: dict[str, Any] = copy.deepcopy(yaml.safe_load(RECIPE.read_text()))
    config["data"]["manifest"] = str((asked.archive / "manifest.csv").absolute())
    config["seed"] = asked.seed
    blobs = {"epochs": 3, "exploration": {"blob_share": 1.0}}
    config["stages"] = [blobs, {"epochs": asked.epochs - 3}]
    for path, value in changes.items():
        if path == "blobs":
            config["stages"] = [{"epochs": asked.epochs}]
            continue
        *sections, key = path.split(".")
        where = config
        for section in sections:
            where = where.setdefault(section, {})
        where[key] = value
    return config


def _train(directory: Path, config: Mapping[str, Any], *, in_process: bool) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(dict(config)))
    command = [
        sys.executable,
        "-m",
        "jobs.cli",
        "train",
        str(path),
        "--out",
        str(directory / "run"),
        *(["--in-process"] if in_process else []),
    ]
    subprocess.run(command, check=True)


def _table(asked: argparse.Namespace) -> Iterator[str]:
    yield "| change | validation accuracy, last epoch | best epoch | training accuracy | looks |"
    yield "|---|---|---|---|---|"
    for name in asked.only.split(","):
        figures = read_figures(asked.out / name.replace(" ", "_") / "run")
        best = max(one.validation_accuracy for one in figures)
        last = figures[-1]
        yield (
            f"| {name} | {last.validation_accuracy:.1%} | {best:.1%} | {last.accuracy:.1%} | "
            f"{last.validation_looks:.1f} |"
        )


if __name__ == "__main__":
    main()
