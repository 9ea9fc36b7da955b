"""Stages follow each other, end early, and begin where another model ended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from actors.model_directory import open_model
from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import Training, train
from pipeline.errors import ConfigError
from tests.actors.training.archive import curve, job_of, small_config

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:tensorboard", "ignore::UserWarning:torch"
)


def started(trained: TrainingJob, manifest: Path, **changes: Any) -> dict[str, Any]:
    """A config that starts from the trained model; `changes` are of its `model` section."""
    config = small_config(manifest)
    config["model"] = {**config["model"], "start_from": str(trained.out / "model"), **changes}
    return config


class TestStages:
    def test_deeper_after_shallow(self, manifest: Path, tmp_path: Path) -> None:
        """The paper's schedule: two depths, then finetuned at three with a rate and an optimiser of its own."""
        stages = [
            {"epochs": 1, "walk": {"depths": 1, "budget": 1}},
            {"epochs": 1, "walk": {"depths": 2, "budget": 3}, "learning_rate": 0.0005},
        ]
        job = job_of(tmp_path, small_config(manifest, stages=stages), tmp_path / "out")
        train(job, Team(), report=lambda _: None)
        figures = curve(job.out)

        assert [one.looks for one in figures] == [1, 3]
        assert [one.learning_rate for one in figures] == [0.002, 0.0005]
        assert open_model(str(job.out / "model")).config.walk.depths == 2

    def test_stages_without_a_rate_share_one_schedule(self, manifest: Path, tmp_path: Path) -> None:
        """The rate falls once over all stages, not once in each."""
        stages = [{"epochs": 2}, {"epochs": 3}, {"epochs": 4, "learning_rate": 0.1}, {"epochs": 1}]
        job = job_of(tmp_path, small_config(manifest, stages=stages), tmp_path / "out")

        found = [
            (one.learning_rate, one.epochs_before, one.epochs_of_schedule) for one in job.stages
        ]

        assert found == [(0.002, 0, 5), (0.002, 2, 5), (0.1, 0, 5), (0.1, 4, 5)]

    def test_a_stage_that_stops_getting_better_ends(self, manifest: Path, tmp_path: Path) -> None:
        """With patience 1 and a rate that changes nothing, a stage of 30 epochs ends after the third."""
        config = small_config(
            manifest,
            stages=[{"epochs": 30}],
            early_stopping={"metric": "accuracy", "patience": 1},
            optimiser={"learning_rate": 1e-12, "decay": "none"},
        )
        job = job_of(tmp_path, config, tmp_path / "out")
        train(job, Team(), report=lambda _: None)

        assert len(curve(job.out)) == 2

    def test_it_can_start_from_a_model(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """With start_from and no steps to speak of, the first validation is that of the model."""
        config = small_config(
            manifest,
            stages=[{"epochs": 1}],
            optimiser={"learning_rate": 1e-12, "decay": "none"},
        )
        config["model"] = {**config["model"], "start_from": str(trained.out / "model")}
        job = job_of(tmp_path, config, tmp_path / "out")
        run = Training(job, Team(), lambda _: None)
        expected = open_model(str(trained.out / "model"))
        state = run._network.state_dict()

        from safetensors.torch import load

        for name, tensor in load(expected.weights).items():
            torch.testing.assert_close(state[name], tensor)

    def test_the_model_to_start_from_is_found_from_anywhere(
        self,
        manifest: Path,
        trained: TrainingJob,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A path relative to the config is absolute in the job: workers run in directories of their own."""
        (tmp_path / "first").symlink_to(trained.out / "model")
        config = small_config(manifest)
        config["model"] = {**config["model"], "start_from": "first"}
        monkeypatch.chdir(tmp_path)
        job = job_of(Path(), config, tmp_path / "out")

        assert job.start_from is not None
        assert Path(job.start_from.place).is_absolute()


class TestStartFrom:
    def test_the_classes_are_those_of_the_model(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """Named nowhere else, they keep the model's order, which is not that of the alphabet."""
        shutil.copytree(trained.out / "model", tmp_path / "first")
        path = tmp_path / "first" / "config.json"
        written = json.loads(path.read_text())
        written["class_names"].reverse()
        path.write_text(json.dumps(written))

        config = started(trained, manifest, start_from="first")
        job = job_of(tmp_path, config, tmp_path / "out")

        assert job.data.class_names == trained.data.class_names[::-1]

    def test_other_classes_are_refused(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """The same names in another order are other classes; the message has both orders."""
        names = list(trained.data.class_names)
        turned = [*names[1:], names[0]]

        with pytest.raises(ConfigError, match=r"model\.class_names") as told:
            job_of(tmp_path, started(trained, manifest, class_names=turned), tmp_path / "out")
        assert str(names) in str(told.value)
        assert str(turned) in str(told.value)
        job_of(tmp_path, started(trained, manifest, class_names=names), tmp_path / "out")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("input_mean", 0.0), ("cell_scores", "temperature_softmax"), ("aggregation", "weighting")],
    )
    def test_another_network_is_refused(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path, name: str, value: object
    ) -> None:
        """Weights that fit by name and shape would mean something else; the message names the option."""
        network = {**small_config(manifest)["model"]["network"], name: value}

        with pytest.raises(ConfigError, match=rf"model\.network\.{name} is .* was trained with"):
            job_of(tmp_path, started(trained, manifest, network=network), tmp_path / "out")

    @pytest.mark.parametrize(("name", "value"), [("background", 0.25), ("bands", [0])])
    def test_another_input_is_refused(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path, name: str, value: object
    ) -> None:
        """What weights were trained to see is the model's, and the message names what differs."""
        shown = {**small_config(manifest)["model"].get("input", {}), name: value}

        with pytest.raises(ConfigError, match=rf"model\.input\.{name} is .* was trained with"):
            job_of(tmp_path, started(trained, manifest, input=shown), tmp_path / "out")

    def test_value_ranges_are_the_images_own(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """Another sensor's values may be scaled otherwise."""
        shown = {
            **small_config(manifest)["model"].get("input", {}),
            "value_ranges": {"uint16": [0, 4000]},
        }
        job = job_of(tmp_path, started(trained, manifest, input=shown), tmp_path / "out")

        assert job.input.value_ranges == {"uint16": (0, 4000)}

    def test_dropout_is_the_trainings_own(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """It has no weights and holds in training only."""
        network = {**small_config(manifest)["model"]["network"], "dropout": 0.3}
        job = job_of(tmp_path, started(trained, manifest, network=network), tmp_path / "out")

        assert job.config.model.network.dropout == 0.3
