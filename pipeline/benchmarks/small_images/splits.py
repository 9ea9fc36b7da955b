"""What is learned from, chosen by and tested on: the same pictures for every network and every seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.small_images.dataset import ImageSet, LabelledImages
from pipeline.errors import UsageError

_SEED = 0
"""Of the cut; not the seed of a training, so that trainings are compared on the same pictures."""
_TEST_SHARE, _VALIDATION_SHARE = 0.2, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSizes:
    """How many pictures; classes have equal shares as long as there are enough."""

    train: int | None = None
    """None: all that the others leave."""
    validation: int | None = None
    """Cut from the training set; None: a tenth of it."""
    test: int | None = None
    """None: the whole test set, or a fifth of the pictures where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """Three sets without a common picture."""

    train: LabelledImages
    """To learn from."""
    validation: LabelledImages
    """To choose an epoch by."""
    test: LabelledImages
    """To test that epoch on."""
    test_source: Literal["test set", "cut from the training set"]
    """Where the last ones are from."""


def cut(images: ImageSet, sizes: SplitSizes) -> Splits:
    """Test pictures are cut first, then those for validation: fewer training pictures change neither.

    Raises:
        UsageError: if there are not enough.
    """
    rest = balanced_order(images.train.labels)
    if images.test is None:
        num_test = _size(sizes.test, _TEST_SHARE, len(rest))
        test, rest = images.train.taken(rest[:num_test]), rest[num_test:]
    else:
        order = balanced_order(images.test.labels)
        num_test = len(order) if sizes.test is None else sizes.test
        _check("test", num_test, len(order))
        test = images.test.taken(order[:num_test])
    num_validation = _size(sizes.validation, _VALIDATION_SHARE, len(rest))
    validation, rest = images.train.taken(rest[:num_validation]), rest[num_validation:]
    num_train = len(rest) if sizes.train is None else sizes.train
    _check("training", num_train, len(rest))
    return Splits(
        train=images.train.taken(rest[:num_train]),
        validation=validation,
        test=test,
        test_source="test set" if images.test is not None else "cut from the training set",
    )


def balanced_order(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) places, drawn; every beginning of it has as many of each class as there can be, within one."""
    drawn = np.random.default_rng(_SEED).permutation(len(labels))
    turns = np.empty(len(labels), np.int64)  # how many of its class come before each
    for one in np.unique(labels):
        places = np.flatnonzero(labels[drawn] == one)
        turns[places] = np.arange(len(places))
    order: NDArray[np.int64] = drawn[np.argsort(turns, kind="stable")]
    return order


def _size(wanted: int | None, share: float, there: int) -> int:
    size = max(1, round(there * share)) if wanted is None else wanted
    _check("validation or test", size, there - 1)
    return size


def _check(split: str, wanted: int, there: int) -> None:
    if not 1 <= wanted <= there:
        raise UsageError(f"{wanted} {split} images wanted; there are 1 to {there} to take")
