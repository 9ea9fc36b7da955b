"""Splits: nothing shared, classes even, and the same pictures for every training."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.benchmarks.digits import read_digits
from pipeline.benchmarks.small_images.dataset import ImageSet, LabelledImages
from pipeline.benchmarks.small_images.other_set import digits_as_images
from pipeline.benchmarks.small_images.splits import SplitSizes, balanced_order, cut
from pipeline.errors import UsageError
from tests.cifar_files import toy_images


def image_set(*, has_test: bool = False) -> ImageSet:
    """200 pictures of four classes, and 40 to test on if wanted."""
    return ImageSet(
        name="toy",
        class_names=tuple("abcd"),
        train=toy_images(200),
        test=toy_images(40, seed=1) if has_test else None,
    )


def keys(images: LabelledImages) -> set[bytes]:
    """What tells pictures apart."""
    return {image.tobytes() for image in images.images}


class TestCut:
    def test_nothing_is_shared_and_nothing_lost(self) -> None:
        """Without a test set a fifth of the pictures is for the test, a tenth of the rest for validation."""
        found = cut(image_set(), SplitSizes())
        parts = [found.train, found.validation, found.test]

        assert [len(part) for part in parts] == [144, 16, 40]
        assert len(set.union(*map(keys, parts))) == 200
        assert found.test_source == "cut from the training set"
        assert np.bincount(found.test.labels).tolist() == [10] * 4

    def test_fewer_training_pictures_change_nothing_else(self) -> None:
        """Validation and test stay, and the fewer are among the more."""
        many, few = (cut(image_set(), SplitSizes(train=size)) for size in (100, 20))

        assert keys(few.test) == keys(many.test)
        assert keys(few.validation) == keys(many.validation)
        assert keys(few.train) < keys(many.train)
        assert np.bincount(few.train.labels).tolist() == [5] * 4

    def test_a_test_set_is_used_where_there_is_one(self) -> None:
        """Then all training pictures are for training and validation."""
        found = cut(image_set(has_test=True), SplitSizes(test=8))
        whole = cut(image_set(has_test=True), SplitSizes())

        assert found.test_source == "test set"
        assert keys(found.test) < keys(whole.test) == keys(toy_images(40, seed=1))
        assert (len(found.train), len(found.validation)) == (180, 20)

    @pytest.mark.parametrize(
        "sizes", [SplitSizes(train=150), SplitSizes(test=200), SplitSizes(validation=0)]
    )
    def test_too_many_are_refused(self, sizes: SplitSizes) -> None:
        """More than there are, or none at all."""
        with pytest.raises(UsageError, match="there are 1 to"):
            cut(image_set(), sizes)

    def test_every_beginning_is_balanced(self) -> None:
        """Of uneven classes, too, until the smallest is used up."""
        labels = np.array([0] * 50 + [1] * 10 + [2] * 30)
        order = balanced_order(labels)

        assert sorted(order) == list(range(90))
        for count in range(1, 31):
            shares = np.bincount(labels[order[:count]], minlength=3)
            assert shares.max() - shares.min() <= 1


class TestOtherSet:
    def test_digits_become_rgb_pictures(self) -> None:
        """scikit-learn's 1,797 digits, 32 px, grey in three bands, labels beside their pictures."""
        digits = read_digits("digits")
        found = digits_as_images(digits, side_px=32, count=None)

        assert found.images.shape == (1797, 32, 32, 3)
        assert (found.images == found.images[..., :1]).all()
        # Shrunk again, each is one of the digits that have its label.
        for image, label in zip(found.images[:20], found.labels[:20], strict=True):
            small = image[2::4, 2::4, 0].astype(float)
            pooled = np.concatenate([digits.train.images, digits.test.images]).astype(float)
            nearest = np.abs(pooled - small).mean(axis=(1, 2)).argmin()
            assert np.concatenate([digits.train.labels, digits.test.labels])[nearest] == label
        assert (
            np.bincount(digits_as_images(digits, side_px=8, count=50).labels).tolist() == [5] * 10
        )
