"""A training of small images: it learns, goes on after a stop to the same curve, and refuses other settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actors.checkpoint import Epoch
from actors.saved_state import NAME
from actors.small_images.batches import mirrored, shifted, varied_batches
from actors.small_images.evaluation import classified_rightly
from actors.small_images.experiment import Experiment
from actors.small_images.result import result_of
from actors.small_images.settings import SETTINGS, claim, read_settings
from actors.small_images.trained_run import TrainedRun, read_run
from pipeline.errors import ResumeError, UsageError
from tests.actors.small_images import toy
from tests.cifar_files import toy_images

CPU = torch.device("cpu")


class StoppedError(Exception):
    """In the place of a kill."""


def stop_after(number: int) -> list[Epoch]:
    """Epochs that were told, until one is told too many."""

    class Told(list[Epoch]):
        def append(self, epoch: Epoch) -> None:
            super().append(epoch)
            if epoch.epoch == number:
                raise StoppedError

    return Told()


class TestExperiment:
    def test_it_learns(self, trained_run: TrainedRun) -> None:
        """In four epochs of 200 pictures the loss falls by half, and three of four test pictures are right."""
        losses = [epoch.loss for epoch in trained_run.epochs]
        right = classified_rightly(trained_run.network, toy.splits().test, 7)

        assert losses[-1] < losses[0] / 2
        assert right.mean() > 0.75

    def test_a_stopped_run_goes_on_to_the_same_curve(
        self, trained: Path, trained_run: TrainedRun, tmp_path: Path
    ) -> None:
        """Killed after two of four epochs and started again: losses, accuracies and weights of one go, to the bit."""
        with pytest.raises(StoppedError):
            toy.run(tmp_path, stop_after(2).append)
        told: list[Epoch] = []
        outcome = toy.run(tmp_path, told.append)

        assert [epoch.epoch for epoch in told] == [3, 4]
        wanted = [(one.loss, one.accuracy) for one in trained_run.epochs]
        assert [(one.loss, one.accuracy) for one in outcome.epochs] == wanted
        resumed = read_run(tmp_path).network.state_dict()
        for name, value in trained_run.network.state_dict().items():
            assert torch.equal(resumed[name], value), name
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            path.name for path in trained.iterdir()
        )

    def test_another_seed_goes_another_way(self, trained_run: TrainedRun, tmp_path: Path) -> None:
        """Weights, order and dropout depend on it."""
        told: list[Epoch] = []
        with pytest.raises(StoppedError):
            toy.run(tmp_path, stop_after(1).append, seed=4)
        told += read_settings_and_epochs(tmp_path)

        assert told[0].loss != trained_run.epochs[0].loss

    def test_half_the_mantissa_learns_as_well(
        self, trained_run: TrainedRun, tmp_path: Path
    ) -> None:
        """In bfloat16 the losses are others, but near; weights are float32, and so is what is tested."""
        schedule = replace(trained_run.settings.schedule, precision="bfloat16")
        settings = replace(trained_run.settings, schedule=schedule)
        claim(tmp_path, settings)
        outcome = Experiment(settings=settings, splits=toy.splits(), out=tmp_path).run(
            lambda _: None
        )
        found, wanted = outcome.epochs[0].loss, trained_run.epochs[0].loss

        assert found != wanted
        assert found == pytest.approx(wanted, rel=0.1)
        assert outcome.epochs[-1].loss < outcome.epochs[0].loss
        for name, value in read_run(tmp_path).network.state_dict().items():
            assert value.dtype == trained_run.network.state_dict()[name].dtype, name

    def test_the_best_epoch_is_tested(self, trained_run: TrainedRun, tmp_path: Path) -> None:
        """Its weights are kept, the first of equals, and its number is in the result."""
        outcome = toy.run(tmp_path, lambda _: None)
        best = max(one.accuracy for one in outcome.epochs)
        first = next(one for one in outcome.epochs if one.accuracy == best)
        result = result_of(toy.settings(), toy.splits(), outcome)

        assert outcome.tested == first
        assert (result.tested_epoch, result.validation_accuracy) == (first.epoch, best)
        right = classified_rightly(trained_run.network, toy.splits().test, 16)
        assert result.accuracy.value == right.mean()
        assert result.accuracy.low < result.accuracy.value < result.accuracy.high or best == 1
        assert result.accuracy.count == 60
        assert result.num_parameters == sum(
            one.numel() for one in trained_run.network.inner.parameters()
        )
        convolutions = 8 * 3 * 25 * 64 + 16 * 8 * 9 * 16 + 2 * 9 * 16
        assert result.num_multiplications == convolutions + 256 * 4

    def test_more_in_a_batch_than_there_are(self, tmp_path: Path, trained_run: TrainedRun) -> None:
        """Nothing would be trained; the way out is said."""
        schedule = replace(trained_run.settings.schedule, batch_size=201)
        with pytest.raises(UsageError, match="200 training images, less than a batch of 201"):
            Experiment(
                settings=replace(trained_run.settings, schedule=schedule),
                splits=toy.splits(),
                out=tmp_path,
            )


def read_settings_and_epochs(directory: Path) -> list[Epoch]:
    """Of a run that has not ended."""
    data = torch.load(directory / NAME, weights_only=True)
    return [Epoch(**one) for one in data["epochs"]]


class TestSettings:
    def test_travel(self, trained: Path) -> None:
        """What was written is what is read."""
        assert read_settings(trained) == toy.settings()

    def test_a_run_of_before_there_was_a_choice(self, tmp_path: Path) -> None:
        """It was float32, with all dropout: it is read as that, and taken up."""
        claim(tmp_path, toy.settings())
        written = json.loads((tmp_path / SETTINGS).read_text())
        assert written["schedule"].pop("precision") == "float32"
        assert written["schedule"].pop("dropout") == 1
        (tmp_path / SETTINGS).write_text(json.dumps(written))

        claim(tmp_path, toy.settings())
        assert read_settings(tmp_path) == toy.settings()

    def test_other_settings_are_refused(self, trained: Path) -> None:
        """A directory of a run with other epochs and another seed is not touched; the differences are named."""
        with pytest.raises(ResumeError, match=r"schedule\.epochs: 4 then, 5 now; seed: 3 then, 9"):
            claim(trained, toy.settings(epochs=5, seed=9))

    def test_other_images_are_refused(self) -> None:
        """The same number of other pictures is another data set."""
        other = replace(toy.image_set(), train=toy_images(240, seed=8))
        with pytest.raises(UsageError, match="these are other images"):
            toy.settings().splits_of(other)

    def test_images_of_another_size_are_refused(self) -> None:
        """The networks are made for 32 px."""
        pictures = toy_images(240)
        cropped = replace(pictures, images=pictures.images[:, :28, :28])
        images = replace(toy.image_set(), train=cropped)
        with pytest.raises(UsageError, match="images of 28 x 28 px; these networks want 32 x 32"):
            replace(toy.settings(), data=images.digest()).splits_of(images)

    def test_what_is_no_run_is_refused(self, tmp_path: Path, trained_run: TrainedRun) -> None:
        """An empty directory, a run that has not ended, a damaged checkpoint."""
        with pytest.raises(UsageError, match=r"no settings\.json"):
            read_run(tmp_path)
        with pytest.raises(StoppedError):
            toy.run(tmp_path, stop_after(1).append)
        with pytest.raises(UsageError, match="1 of 4 epochs are done"):
            read_run(tmp_path)
        (tmp_path / NAME).write_bytes(b"nothing")
        with pytest.raises(ResumeError, match=r"checkpoint\.pt: cannot be read"):
            read_run(tmp_path)
        assert trained_run.settings == toy.settings()


class TestBatches:
    def test_half_of_a_batch_is_mirrored(self) -> None:
        """Exactly half of the pictures have left and right exchanged, the others are themselves."""
        pixels = toy_images(20).images
        found = mirrored(pixels, np.random.default_rng(0))
        same = [np.array_equal(one, other) for one, other in zip(found, pixels, strict=True)]
        turned = [
            np.array_equal(one, other[:, ::-1]) for one, other in zip(found, pixels, strict=True)
        ]

        assert sum(same) == sum(turned) == 10
        assert all(one != other for one, other in zip(same, turned, strict=True))

    @pytest.mark.parametrize(("crop", "around"), [("zeros", 0), ("reflected", None)])
    def test_shifted_pictures_are_windows(self, crop: str, around: int | None) -> None:
        """Each is a window of itself with 4 px around it, by NumPy's own padding; windows differ."""
        pixels = toy_images(12).images
        found = shifted(pixels, crop, np.random.default_rng(0))  # type: ignore[arg-type]  # a kind by name
        places = set()
        for one, other in zip(found, pixels, strict=True):
            padded = np.pad(other, ((4, 4), (4, 4), (0, 0)), mode="reflect")
            if around == 0:
                padded = np.zeros_like(padded)
                padded[4:36, 4:36] = other
            windows = np.lib.stride_tricks.sliding_window_view(padded, (32, 32), axis=(0, 1))
            same = (windows.transpose(0, 1, 3, 4, 2) == one).all(axis=(2, 3, 4))
            assert same.sum() == 1
            places.add(tuple(np.argwhere(same)[0]))

        assert len(places) > 5

    def test_an_epoch_takes_whole_batches(self) -> None:
        """Of 22 pictures 20 in batches of 5, none twice, labels beside them; the same seed draws the same."""
        images = toy_images(22)
        first, again, other = (
            list(varied_batches(images, 5, "none", seed, CPU)) for seed in ((1, 1), (1, 1), (1, 2))
        )

        assert [len(batch.labels) for batch in first] == [5, 5, 5, 5]
        assert all(torch.equal(a.images, b.images) for a, b in zip(first, again, strict=True))
        assert not all(torch.equal(a.images, b.images) for a, b in zip(first, other, strict=True))
        known = {}
        for image, label in zip(images.images, images.labels, strict=True):
            known[np.sort(image, axis=None).tobytes()] = label
        seen = {}
        for batch in first:
            for image, label in zip(batch.images, batch.labels, strict=True):
                pixels = (image * 255).round().to(torch.uint8).numpy()
                seen[np.sort(pixels, axis=None).tobytes()] = int(label)
        assert len(seen) == 20
        assert all(known[key] == label for key, label in seen.items())
