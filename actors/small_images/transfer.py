"""What a network's features are worth on images of another world (Learn to Pay Attention, section 5.3 and A.4)."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from actors.small_images.batches import batches_of
from actors.small_images.evaluation import chosen_device
from models.small_images.network import WholeImageNetwork
from pipeline.benchmarks.small_images.dataset import LabelledImages
from pipeline.errors import UsageError

NUM_FOLDS = 5
_COST = 1.0
"""C of the support vector machine."""
_SEED = 0
"""Of the folds."""
_MAX_ROUNDS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """On one set."""

    num_images: int
    """Of it."""
    num_features: int
    """Per image."""
    accuracy: float
    """Mean over the folds."""
    folds: tuple[float, ...]
    """Accuracy on each fold, learned from the four others."""


def transferred(network: WholeImageNetwork, images: LabelledImages) -> Transfer:
    """A linear support vector machine on features of a network that is left as it is.

    Images are prepared as those that it was trained on, fitted anew to this set: whitened where it was trained on
    whitened ones, as the paper does.

    Raises:
        UsageError: if a class has fewer images than there are folds.
    """
    features = features_of(network, images)
    return classified_linearly(features, images.labels)


def features_of(
    network: WholeImageNetwork, images: LabelledImages, *, batch_size: int = 128
) -> NDArray[np.float32]:
    """(N, F) what the last layer sees, in evaluation mode, of images prepared by a preparation of their own."""
    fitted = copy.deepcopy(network).eval()
    [everything] = batches_of(images, len(images), torch.device("cpu"))
    fitted.to("cpu").fit_preparation(everything.images)
    device = chosen_device()
    fitted = fitted.to(device)
    with torch.inference_mode():
        parts = [
            fitted.features(batch.images).cpu().numpy()
            for batch in batches_of(images, batch_size, device)
        ]
    return np.concatenate(parts)


def classified_linearly(features: NDArray[np.float32], labels: NDArray[np.int64]) -> Transfer:
    """Five folds with equal shares of the classes; C = 1.

    Args:
        features: (N, F).
        labels: (N,) classes.

    Raises:
        UsageError: if a class has fewer images than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score  # not above: slow to load
    from sklearn.svm import LinearSVC

    fewest = int(np.unique(labels, return_counts=True)[1].min())
    if fewest < NUM_FOLDS:
        raise UsageError(
            f"a class has {fewest} images, fewer than the {NUM_FOLDS} folds; take more of them"
        )
    machine = LinearSVC(C=_COST, max_iter=_MAX_ROUNDS, random_state=_SEED)
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=_SEED)
    found = cross_val_score(machine, features, labels, cv=folds)
    return Transfer(
        num_images=len(labels),
        num_features=features.shape[1],
        accuracy=float(found.mean()),
        folds=tuple(float(one) for one in found),
    )
