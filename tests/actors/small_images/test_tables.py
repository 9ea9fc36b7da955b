"""Attacks, transfer and sheets of a trained network, against what is done by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC
from torch.nn import functional as F

from actors.small_images.robustness import attacked
from actors.small_images.sheet import attention_sheet
from actors.small_images.tables import line_of, markdown_of, write_tables
from actors.small_images.trained_run import TrainedRun
from actors.small_images.transfer import classified_linearly, features_of, transferred
from models.explanations.explanation import attention_explanation
from models.explanations.segmentation import segmented
from models.small_images.network import WholeImageNetwork
from pipeline.benchmarks.small_images.dataset import LabelledImages
from pipeline.errors import UsageError
from pipeline.evidence.contact_sheet import CELL_PX, cut_out, heat_picture, write_sheet
from tests.actors.small_images import toy
from tests.cifar_files import toy_images


def values_of(images: LabelledImages) -> torch.Tensor:
    """(N, 3, 32, 32) values 0 to 1."""
    return torch.from_numpy(images.images.transpose(0, 3, 1, 2) / np.float32(255))


class TestRobustness:
    def test_accuracy_falls_with_the_step(self, trained_run: TrainedRun) -> None:
        """A trained network is right less often the larger the step, and in the end hardly ever."""
        found = attacked(trained_run.network, toy.splits().test, norms=(4, 16, 48))
        accuracies = [one.accuracy.value for one in found]

        assert [one.norm for one in found] == [0, 4, 16, 48]
        assert accuracies == sorted(accuracies, reverse=True)
        assert accuracies[-1] < 0.5 * accuracies[0]
        assert found[0].fooled.value == 0
        assert found[-1].fooled.value > 0.4

    def test_equals_an_attack_by_hand(self, trained_run: TrainedRun) -> None:
        """The gradient of the loss by autograd, picture by picture: as many right, and as many changed."""
        network, images = trained_run.network, toy.splits().test
        right, changed = 0, 0
        for value, label in zip(values_of(images), images.labels, strict=True):
            one = value[None].clone().requires_grad_(True)
            scores = network.log_probs(one)
            F.cross_entropy(scores, torch.tensor([label])).backward()
            assert one.grad is not None
            moved = (one + 16 / 255 * one.grad.sign()).clamp(0, 1).detach()
            after = int(network.log_probs(moved).argmax())
            right += after == label
            changed += after != int(scores.argmax())
        [_, found] = attacked(network, images, norms=(16,), batch_size=7)

        assert found.accuracy.value == pytest.approx(right / 60, abs=1.5 / 60)
        assert found.fooled.value == pytest.approx(changed / 60, abs=1.5 / 60)
        assert found.accuracy.count == 60


class TestTransfer:
    def test_equals_scikit_learn_by_hand(self, trained_run: TrainedRun) -> None:
        """Input of the last layer, of images prepared by their own means; five folds, C = 1, fold by fold."""
        other = toy_images(60, num_classes=3, seed=9)
        values = other.images / 255
        normal = (values - values.mean(axis=(0, 1, 2))) / values.std(axis=(0, 1, 2))
        inner = trained_run.network.inner
        assert isinstance(inner, toy.Toy)
        with torch.no_grad():
            maps = torch.from_numpy(normal.transpose(0, 3, 1, 2)).to(torch.float32)
            maps = inner.gate(F.relu(inner.second(F.relu(inner.norm(inner.first(maps))))))
            features = maps.flatten(1).numpy()
        expected = []
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        for learned, tested in folds.split(features, other.labels):
            machine = LinearSVC(C=1, max_iter=10_000, random_state=0)
            machine.fit(features[learned], other.labels[learned])
            found = machine.predict(features[tested])
            expected.append(float((found == other.labels[tested]).mean()))
        found = transferred(trained_run.network, other)

        np.testing.assert_allclose(
            features_of(trained_run.network, other), features, atol=1e-4, rtol=1e-3
        )
        assert found.folds == pytest.approx(expected)
        assert found.accuracy == pytest.approx(np.mean(expected))
        assert (found.num_images, found.num_features) == (60, 256)

    def test_the_network_stays_as_it_was(self, trained_run: TrainedRun) -> None:
        """The preparation is fitted to the other images in a copy."""
        before = trained_run.network.preparation.state_dict()["mean"].clone()
        features_of(trained_run.network, toy_images(20, seed=9))

        assert torch.equal(trained_run.network.preparation.state_dict()["mean"], before)

    def test_too_few_of_a_class(self) -> None:
        """Five folds need five images of each class."""
        labels = np.array([0, 0, 0, 0, 0, 1, 1])
        with pytest.raises(UsageError, match="a class has 2 images, fewer than the 5 folds"):
            classified_linearly(np.zeros((7, 3), np.float32), labels)


def cell(sheet: np.ndarray, row: int, col: int) -> np.ndarray:
    """One picture of a sheet."""
    y, x = 18 + row * (CELL_PX + 6), 6 + col * (CELL_PX + 6)
    return sheet[y : y + CELL_PX, x : x + CELL_PX]


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Pixels as squares."""
    return picture.repeat(CELL_PX // 32, axis=0).repeat(CELL_PX // 32, axis=1)


class TestSheet:
    def test_shows_images_masks_and_objects(self, trained_run: TrainedRun, tmp_path: Path) -> None:
        """A row per image: itself, its mask, the last masks together, and itself where they are above the threshold."""
        images = toy_images(3, seed=5)
        sheet = attention_sheet(trained_run.network, images)
        assert sheet is not None
        with torch.no_grad():
            masks = trained_run.network.masks(values_of(images))
        together = attention_explanation(masks)
        found = segmented(together, 32, 32).numpy()

        assert sheet.shape == (18 + 3 * 102, 4 * 102 + 6, 3)
        for row in range(3):
            np.testing.assert_array_equal(cell(sheet, row, 0), enlarged(images.images[row]))
            heat = heat_picture(together.shown(32, 32)[row].numpy())
            np.testing.assert_array_equal(cell(sheet, row, 2), enlarged(heat))
            cut = cut_out(images.images[row], found[row])
            np.testing.assert_array_equal(cell(sheet, row, 3), enlarged(cut))
        write_sheet(tmp_path / "sheet.png", sheet)
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "sheet.png")), sheet)
        assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]

    def test_shows_whom_the_first_image_asks(self) -> None:
        """Under `dp` the others' masks move when the first one's global vector asks, and its own do not."""
        torch.manual_seed(0)
        network = WholeImageNetwork(
            "vgg_att2", 4, preparation="mean_std", options={"kind": "dp"}
        ).eval()
        sheet = attention_sheet(network, toy_images(2))
        assert sheet is not None

        # image, masks of 16 and 8 px, both, cut out; then the two masks as asked.
        for own, asked in ((1, 5), (2, 6)):
            np.testing.assert_array_equal(cell(sheet, 0, own), cell(sheet, 0, asked))
            assert not np.array_equal(cell(sheet, 1, own), cell(sheet, 1, asked))

    def test_there_is_none_without_attention(self) -> None:
        """A plain network has no sheet."""
        assert attention_sheet(WholeImageNetwork("resnet18", 4).eval(), toy_images(1)) is None


class TestTables:
    def test_hold_every_figure(self, trained_run: TrainedRun, tmp_path: Path) -> None:
        """A line per run, a mean where a network has two, transfer where it was asked for; the same as JSON."""
        other = toy_images(40, seed=2)
        lines = [line_of(trained_run, toy.splits().test, one) for one in (other, None)]
        text = write_tables(tmp_path / "out", lines)

        assert text == markdown_of(lines) == (tmp_path / "out/tables.md").read_text()
        clean = lines[0].robustness[0].accuracy
        row = f"| toy | 3 | {clean.value:.1%} ({clean.low:.1%} to {clean.high:.1%}) |"
        assert text.count(row) == 2
        assert text.count("| toy | mean of 2 |") == 2
        assert "| network | seed | as they are | 1/255 | 2/255 | 4/255 | 8/255 | 16/255 |" in text
        assert text.count("| 40 | 256 | mean_std |") == 1
        data = json.loads((tmp_path / "out/tables.json").read_text())
        assert data[0]["robustness"][5]["norm"] == 16
        assert data[1]["transfer"] is None
