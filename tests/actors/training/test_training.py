"""The loop: it learns, goes on after a kill as if there had been none, and one bad image harms no other."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_directory import open_model
from actors.model_runner import load_runner, network_of
from actors.training.figures import EpochFigures, read_figures
from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import Training, first_network, train
from pipeline.errors import UsageError
from pipeline.images.tile_cache import TileCache
from pipeline.records.result import conclude
from pipeline.walk.image_walk import open_image_walk
from pipeline.walk.walk import walk
from tests.actors.training.archive import job_of, make_archive, small_config

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:tensorboard", "ignore::UserWarning:torch"
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen images to learn from, six to choose by, four for the test."""
    return make_archive(tmp_path_factory.mktemp("training") / "archive")


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    """A finished run of three epochs."""
    directory = tmp_path_factory.mktemp("trained")
    job = job_of(directory, small_config(manifest), directory / "out")
    train(job, Team(), report=lambda _: None)
    return job


def curve(out: Path) -> list[EpochFigures]:
    """What the run said of its epochs, but for how long they took."""
    return [replace(one, seconds=0.0) for one in read_figures(out)]


class StoppedError(Exception):
    """The end of a test's patience."""


class TestLoop:
    def test_every_epoch_is_told(self, trained: TrainingJob) -> None:
        """Three epochs of two stages, each with its loss terms, looks and bytes."""
        figures = curve(trained.out)

        assert [(one.epoch, one.stage) for one in figures] == [(0, 0), (1, 1), (2, 1)]
        for one in figures:
            assert set(one.losses) == {"sequence", "per_feature", "location"}
            assert one.looks == one.validation_looks == 5
            assert one.bytes_read > 0
            assert one.num_failed == 0

    def test_the_loss_falls(self, trained: TrainingJob) -> None:
        """The last epoch's loss is below the first's."""
        figures = curve(trained.out)

        assert figures[-1].loss < figures[0].loss

    def test_the_model_is_what_classify_takes(self, trained: TrainingJob) -> None:
        """The directory opens, says that it is trained, and walks an image with the config's budget."""
        model = open_model(str(trained.out / "model"))
        runner = load_runner(model)
        record = trained.data.validation[0]
        image = open_image_walk(
            record, model.config.plan, combine=runner.combine, cache=TileCache(1 << 24)
        )
        walk(image, runner)

        assert model.config.trained
        assert model.config.class_names == trained.data.class_names
        assert len(image.traversal.looks) == 5
        image.close()

    def test_validation_is_what_classify_says(self, trained: TrainingJob) -> None:
        """The accuracy of the best epoch is that of the written model walking the validation images by itself."""
        model = open_model(str(trained.out / "model"))
        runner = load_runner(model)
        num_right = 0
        for record in trained.data.validation:
            image = open_image_walk(
                record, model.config.plan, combine=runner.combine, cache=TileCache(1 << 24)
            )
            walk(image, runner)
            kept = torch.stack([torch.from_numpy(one.kept) for one in image.traversal.looks])
            said = int(runner.combine(kept.numpy())[-1].argmax())
            num_right += said == trained.data.class_of(record)
            image.close()
        best = [one for one in curve(trained.out) if one.stage == 1 and one.is_best][-1]

        assert num_right / len(trained.data.validation) == best.validation_accuracy

    def test_tensorboard_has_curves_and_pictures(self, trained: TrainingJob) -> None:
        """Scalars of every epoch, and a picture of what was attended for some validation images."""
        events = EventAccumulator(str(trained.out / "tensorboard"))
        events.Reload()
        tags = events.Tags()

        assert [one.step for one in events.Scalars("validation/accuracy")] == [0, 1, 2]
        assert {"train/loss", "losses/location", "validation/loss"} <= set(tags["scalars"])
        assert len(tags["images"]) == 4
        assert all(name.startswith("looks/train_") for name in tags["images"])


class TestResume:
    def test_a_run_taken_up_again_has_the_same_curve(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """Broken off after each epoch and taken up by a new process' state, the curve and the weights are equal."""
        job = job_of(tmp_path, small_config(manifest), tmp_path / "out")

        def stop(_: EpochFigures) -> None:
            raise StoppedError

        for _ in range(3):
            with pytest.raises(StoppedError):
                train(job, Team(), report=stop)
        train(job, Team(), report=lambda _: None)

        assert curve(job.out) == curve(trained.out)
        mine, whole = (
            torch.load(out / "checkpoint.pt", weights_only=True)["network"]
            for out in (job.out, trained.out)
        )
        assert all(torch.equal(mine[name], whole[name]) for name in whole)

    def test_what_a_killed_epoch_said_is_forgotten(
        self, manifest: Path, trained: TrainingJob, tmp_path: Path
    ) -> None:
        """A kill in the middle of an epoch leaves lines behind; taken up again, each epoch stands there once."""
        job = job_of(tmp_path, small_config(manifest), tmp_path / "out")
        run = Training(job, Team(), lambda _: None)
        run.run_stage()
        with (job.out / "training.jsonl").open("a") as log:
            log.write(json.dumps({"kind": "step", "epoch": 1, "steps_done": 4}) + "\n")
            log.write('{"kind": "epoch", "epo')  # the kill

        train(job, Team(), report=lambda _: None)

        assert curve(job.out) == curve(trained.out)

    def test_a_finished_run_does_nothing(self, trained: TrainingJob) -> None:
        """Training again into the directory of a finished run changes no file of the model."""
        before = (trained.out / "model/model.safetensors").stat().st_mtime_ns
        told: list[EpochFigures] = []
        train(trained, Team(), report=told.append)

        assert not told
        assert (trained.out / "model/model.safetensors").stat().st_mtime_ns == before


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


class TestPaperMode:
    def test_the_papers_recipe_trains(self, manifest: Path, tmp_path: Path) -> None:
        """Without any option of ours: mean, top-k, rewards, no exploration."""
        config = small_config(manifest, stages=[{"epochs": 1}])
        config["model"] = {
            "architecture": "tnet_small",
            "input": {"bands": "luminance", "background": 0.0},
            "walk": {"looks_per_region": [3]},
        }
        for name in ("exploration", "learning", "optimiser"):
            del config[name]
        job = job_of(tmp_path, config, tmp_path / "out")
        train(job, Team(), report=lambda _: None)

        [figures] = curve(job.out)
        assert figures.looks == 4
        assert figures.losses["location"] != 0


class TestRootScan:
    def test_roots_are_learned_and_chosen(self, manifest: Path, tmp_path: Path) -> None:
        """The scorer leaves where it started, and the engine walks from the roots that the reference chooses."""
        model = {
            **small_config(manifest)["model"],
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
        exploration = {"gumbel_scale": 0.2, "random_cells": [0.5], "random_roots": 1}
        config = small_config(manifest, model=model, exploration=exploration)
        job = job_of(tmp_path, config, tmp_path / "out")
        start = first_network(job).state_dict()
        train(job, Team(), report=lambda _: None)

        written = open_model(str(job.out / "model"))
        runner = load_runner(written)
        for name, weight in network_of(written).state_dict().items():
            if name.startswith("root_scorer.features"):
                assert not torch.equal(weight, start[name])
        records = job.data.validation[:3]
        with Engine(written.config.plan, runner, EngineConfig()) as engine:
            results = list(engine.classify(records))
        assert len(results) == len(records)
        for result in results:
            image = open_image_walk(
                result.outcome.record,
                written.config.plan,
                combine=runner.combine,
                cache=TileCache(1 << 24),
                score_roots=runner.score_roots,
            )
            walk(image, runner)
            alone = conclude(image, runner.combine, 0.0)
            assert result.glimpses == alone.glimpses
            assert sum(row.glimpse.parent is None for row in result.glimpses) <= 4
            image.close()


class TestBadImages:
    def test_one_harms_no_other(self, manifest: Path, tmp_path: Path) -> None:
        """An image that is gone is counted and left out; the epoch goes on with the others."""
        rows = list(csv.DictReader(manifest.read_text().splitlines()))
        for row in rows:
            row["image_path"] = str(manifest.parent / row["image_path"])
        rows[0]["image_path"] = "gone.tif"
        other = tmp_path / "m.csv"
        with other.open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        job = job_of(tmp_path, small_config(other, stages=[{"epochs": 1}]), tmp_path / "out")
        train(job, Team(), report=lambda _: None)

        [figures] = curve(job.out)
        assert figures.num_failed == int(rows[0]["split"] == "train")

    def test_no_image_at_all_ends_the_run(self, manifest: Path, tmp_path: Path) -> None:
        """When nothing can be opened the run says so instead of training on nothing."""
        text = manifest.read_text().replace("images/", "nowhere/")
        other = tmp_path / "m.csv"
        other.write_text(text)
        job = job_of(tmp_path, small_config(other, stages=[{"epochs": 1}]), tmp_path / "out")

        with pytest.raises(UsageError, match="not one image of the training split"):
            train(job, Team(), report=lambda _: None)
