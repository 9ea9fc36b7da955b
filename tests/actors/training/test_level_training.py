"""How deep to look next is learned with the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from actors.model_directory import open_model
from actors.model_loading import load_runner, network_of
from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import first_network, train
from tests.actors.training.archive import job_of, make_archive, small_config
from tests.reference_walk import walked_alike

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:tensorboard", "ignore::UserWarning:torch"
)


def choosing_model() -> dict[str, object]:
    """The config's model, of a network that chooses how deep to look next; both levels have looks to spare."""
    model = small_config(Path())["model"]
    return {**model, "network": {**model["network"], "levels": 2}}


class TestLevels:
    def test_the_choice_is_learned_and_taken(self, tmp_path: Path) -> None:
        """Weight and bias leave where they started, and the engine walks where the reference does."""
        manifest = make_archive(tmp_path / "large", canvas_px=1536)
        job = job_of(tmp_path, small_config(manifest, model=choosing_model()), tmp_path / "out")
        train(job, Team(), report=lambda _: None)

        written = open_model(str(job.out / "model"))
        network = network_of(written)
        assert network.level_choice is not None
        assert network.level_choice.weight.abs().max() > 0
        # Only roots choose: there is a single depth below the others.
        assert network.level_choice.bias[0].abs().max() > 0
        walked_alike(job.data.validation[:3], written.config.plan, load_runner(written))

    def test_it_can_start_from_a_model_without_one(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """The older model's weights are taken over; the choice starts without preference."""
        model = {**choosing_model(), "start_from": str(trained.out / "model")}
        job = job_of(tmp_path, small_config(manifest, model=model), tmp_path / "out")

        found = first_network(job).state_dict()

        old = network_of(open_model(str(trained.out / "model"))).state_dict()
        assert {name for name in found if name not in old} == {
            "level_choice.weight",
            "level_choice.bias",
        }
        assert all(torch.equal(found[name], weight) for name, weight in old.items())
        assert not found["level_choice.weight"].any()
