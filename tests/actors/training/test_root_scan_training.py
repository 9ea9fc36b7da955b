"""Where to begin is learned with the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from actors.model_directory import open_model
from actors.model_loading import load_runner, network_of
from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import first_network, train
from tests.actors.training.archive import job_of, small_config
from tests.reference_walk import walked_alike

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:tensorboard", "ignore::UserWarning:torch"
)


def scanning_model() -> dict[str, Any]:
    """The config's model, of a network that chooses its roots."""
    return {
        **small_config(Path())["model"],
        "network": {
            "cell_scores": "independent",
            "aggregation": "evidence",
            "root_scorer": "block_attention_rnn",
        },
        "walk": {
            "selection": "best_first",
            "score": "cell",
            "budget": 6,
            "roots": "scan",
            "root_downsample": 2,
            "overview_px": 8,
        },
    }


def trained_weights(job: TrainingJob) -> dict[str, torch.Tensor]:
    """Of its finished model."""
    return load(open_model(str(job.out / "model")).weights)


class TestRootScan:
    def test_roots_are_learned_and_chosen(self, manifest: Path, tmp_path: Path) -> None:
        """The scorer leaves where it started, and the engine walks from the roots that the reference chooses."""
        exploration = {"gumbel_scale": 0.2, "random_cells": [0.5], "random_roots": 1}
        config = small_config(manifest, model=scanning_model(), exploration=exploration)
        job = job_of(tmp_path, config, tmp_path / "out")
        start = first_network(job).state_dict()
        train(job, Team(), report=lambda _: None)

        written = open_model(str(job.out / "model"))
        runner = load_runner(written)
        for name, weight in network_of(written).state_dict().items():
            if name.startswith("root_scorer.features"):
                assert not torch.equal(weight, start[name])
        for result in walked_alike(job.data.validation[:3], written.config.plan, runner):
            assert sum(row.glimpse.parent is None for row in result.glimpses) <= 4

    def test_it_can_start_from_a_model_without_a_scorer(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """What the older model has is taken over to the last bit; its scorer begins as one of a new network does."""
        new = job_of(tmp_path, small_config(manifest, model=scanning_model()), tmp_path / "new")
        model = {**scanning_model(), "start_from": str(trained.out / "model")}
        job = job_of(tmp_path, small_config(manifest, model=model), tmp_path / "out")
        old, fresh = trained_weights(trained), first_network(new).state_dict()

        found = first_network(job).state_dict()

        assert any(name.startswith("root_scorer.") for name in found)
        for name, weight in found.items():
            is_new = name.startswith("root_scorer.")
            assert torch.equal(weight, fresh[name] if is_new else old[name]), name
