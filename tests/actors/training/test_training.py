"""The loop: it learns, says how, and one bad image harms no other."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actors.model_directory import open_model
from actors.model_loading import load_runner
from actors.training.job import TrainingJob
from actors.training.team import Team
from actors.training.training import train
from pipeline.errors import UsageError
from pipeline.images.tile_cache import TileCache
from pipeline.walk.opening import open_image_walk
from pipeline.walk.walk import walk
from tests.actors.training.archive import curve, job_of, small_config

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:tensorboard", "ignore::UserWarning:torch"
)


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

    def test_the_rate_is_that_of_the_last_step(self, trained: TrainingJob) -> None:
        """Of nine steps, the last begins at 8/9 of a schedule that falls to nothing from 4/5 on: 5/9 are left."""
        rates = [one.learning_rate for one in curve(trained.out)]

        assert rates == pytest.approx([0.002, 0.002, 0.002 * 5 / 9])

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


def rows_of(manifest: Path) -> list[dict[str, str]]:
    """Its lines, with paths that hold anywhere."""
    rows = list(csv.DictReader(manifest.read_text().splitlines()))
    return [row | {"image_path": str(manifest.parent / row["image_path"])} for row in rows]


def written(rows: list[dict[str, str]], path: Path) -> Path:
    """A manifest of them."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


class TestBadImages:
    @pytest.mark.parametrize("split", ["train", "validation"])
    def test_one_harms_no_other(self, manifest: Path, tmp_path: Path, split: str) -> None:
        """An image that is gone is counted and left out; the epoch goes on with the others."""
        rows = rows_of(manifest)
        chosen = next(row for row in rows if row["split"] == split)
        chosen["image_path"] = "gone.tif"
        other = written(rows, tmp_path / "m.csv")
        job = job_of(tmp_path, small_config(other, stages=[{"epochs": 1}]), tmp_path / "out")
        train(job, Team(), report=lambda _: None)

        [figures] = curve(job.out)
        assert figures.num_failed == int(split == "train")
        assert figures.validation_num_failed == int(split == "validation")

    def test_no_image_at_all_ends_the_run(self, manifest: Path, tmp_path: Path) -> None:
        """When nothing can be opened the run says so instead of training on nothing."""
        text = manifest.read_text().replace("images/", "nowhere/")
        other = tmp_path / "m.csv"
        other.write_text(text)
        job = job_of(tmp_path, small_config(other, stages=[{"epochs": 1}]), tmp_path / "out")

        with pytest.raises(UsageError, match="not one image of the training split"):
            train(job, Team(), report=lambda _: None)

    def test_nothing_to_choose_by_ends_the_run(self, manifest: Path, tmp_path: Path) -> None:
        """An epoch without one validation image is no epoch without mistakes: no model is written."""
        rows = rows_of(manifest)
        for index, row in enumerate(rows):
            if row["split"] == "validation":
                row["image_path"] = f"gone/{index}.tif"
        other = written(rows, tmp_path / "m.csv")
        job = job_of(tmp_path, small_config(other, stages=[{"epochs": 1}]), tmp_path / "out")

        with pytest.raises(UsageError, match="not one image of the validation split"):
            train(job, Team(), report=lambda _: None)
        assert not (job.out / "model").exists()
