"""How far the network's confidence can be believed, and the temperature that mends it (Guo et al., 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 15
_LOW, _HIGH = 0.05, 20.0


def fit_temperature(log_probs: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature T for which softmax(log p / T) has the least cross-entropy.

    One image more is taken to be of any class, as in Platt's scaling: where all answers are right, plain
    cross-entropy would ask for certainty. The loss is convex in 1 / T, so a golden-section search finds it.

    Args:
        log_probs: (N, K) log-probabilities of images that were not learned from.
        labels: (N,) class indices.
    """
    low, high = 1 / _HIGH, 1 / _LOW
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(100):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if smoothed_loss(left * log_probs, labels) < smoothed_loss(right * log_probs, labels):
            high = right
        else:
            low = left
    return float(2 / (low + high))


def smoothed_loss(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Cross-entropy where every label has the share 1 / (N + 1) of its certainty spread over all classes."""
    share = 1 / (len(labels) + 1)
    of_any = np.mean(
        [cross_entropy(logits, np.full_like(labels, k)) for k in range(logits.shape[1])]
    )
    return (1 - share) * cross_entropy(logits, labels) + share * float(of_any)


def cross_entropy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean -log p of the true class, for (N, K) logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels]))


def expected_calibration_error(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> float:
    """Mean gap between confidence and accuracy over 15 equal bins of confidence, weighted by their images.

    Args:
        probabilities: (N, K).
        labels: (N,) class indices.
    """
    confidence = probabilities.max(axis=1)  # (N,)
    is_right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = [
        abs(float(np.sum(confidence[bins == one] - is_right[bins == one])))
        for one in range(NUM_BINS)
    ]
    return sum(gaps) / len(labels)
