"""From confidences and truth on a validation split to a stop rule that keeps its promise on other images.

Half of the images teach what a confidence after so many looks is worth (isotonic regression per group of looks); on the
other half the threshold on that worth is lowered as long as a binomial test still excludes, at 90 %, that fewer than
the promised share of stopped images are right (Learn then Test, Angelopoulos et al. 2021: fixed sequence).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.errors import UsageError
from pipeline.walk.stop_rule import NEVER, StopRule

TARGETS = (0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
RISK = 0.1
"""Chance that a promise is not kept."""
MIN_IMAGES = 50
"""Fewer cannot hold any promise."""
_BLOCK = 25
"""Answers of about the same confidence that are judged together."""
_GRID = np.linspace(1, 0, 401)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownWalk:
    """A walk over an image whose label is known."""

    confidences: NDArray[np.float64]
    """(L,) after each look."""
    is_right: NDArray[np.bool_]
    """(L,) whether the prediction after each look is the true label."""
    may_stop: NDArray[np.bool_]
    """(L,) whether a walk asks itself after that look: at the end of a wave, and not where its budget ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLine:
    """What stopping came to on some images."""

    target: float
    """Share of right answers asked for."""
    num_stopped: int
    """Images that stopped before their budget."""
    num_right: int
    """Those of them that were right."""
    accuracy: float
    """Of all images, those that went on included."""
    mean_looks: float
    """Per image, all of them."""


def calibrate(walks: Sequence[KnownWalk], *, seed: int = 0) -> StopRule:
    """The rule.

    Args:
        walks: of images that were not learned from, without stopping.
        seed: of the cut in halves.

    Raises:
        UsageError: if they are too few.
    """
    refuse_few(len(walks))
    order = np.random.default_rng(seed).permutation(len(walks))
    half = len(walks) // 2
    teach, test = ([walks[i] for i in part] for part in (order[:half], order[half:]))
    ends = _groups(max(len(walk.confidences) for walk in walks))
    worths = [_worth(teach, low, high) for low, high in zip((0, *ends), ends, strict=False)]
    scored = [_scores(walk, ends, worths) for walk in test]
    thresholds = [_threshold(scored, test, target) for target in TARGETS]
    return StopRule(
        targets=TARGETS,
        looks=ends,
        confidences=tuple(
            tuple(_confidence(worth, threshold) for worth in worths) for threshold in thresholds
        ),
        num_images=len(walks),
    )


def refuse_few(count: int) -> None:
    """Whether so many labelled images can teach anything.

    Raises:
        UsageError: if they are too few.
    """
    if count < MIN_IMAGES:
        raise UsageError(
            f"{count} labelled images to calibrate on; at least {MIN_IMAGES}, and "
            f"{2 * _needed(TARGETS[-1])} to promise {TARGETS[-1]:.0%}"
        )


def stop_line(walks: Sequence[KnownWalk], rule: StopRule, target: float) -> StopLine:
    """What a rule does to walks."""
    stops = [first_stop(walk, rule, target) for walk in walks]
    ends = [
        len(w.confidences) - 1 if at is None else at for w, at in zip(walks, stops, strict=True)
    ]
    right = [bool(walk.is_right[end]) for walk, end in zip(walks, ends, strict=True)]
    stopped = [hit for hit, at in zip(right, stops, strict=True) if at is not None]
    return StopLine(
        target=target,
        num_stopped=len(stopped),
        num_right=sum(stopped),
        accuracy=float(np.mean(right)),
        mean_looks=float(np.mean(ends)) + 1,
    )


def first_stop(walk: KnownWalk, rule: StopRule, target: float) -> int | None:
    """The look (from 0) after which a walk stops; None: it goes on to its end."""
    for at, confidence in enumerate(walk.confidences):
        if walk.may_stop[at] and confidence >= rule.confidence_at(target, at + 1):
            return at
    return None


def _needed(target: float) -> int:
    """Images that must stop, all right, for the test to believe the promise."""
    return math.ceil(math.log(RISK) / math.log(target))


def _groups(longest: int) -> tuple[int, ...]:
    """1, 2, 4, 8, ... looks, and the longest walk."""
    ends = [1]
    while ends[-1] < longest:
        ends.append(min(2 * ends[-1], longest))
    return tuple(ends)


_Worth = tuple[NDArray[np.float64], NDArray[np.float64]]


def _worth(walks: Sequence[KnownWalk], low: int, high: int) -> _Worth:
    """Confidences, upwards, and the share that is right from each on, for looks low + 1 to high."""
    from sklearn.isotonic import IsotonicRegression  # not above: it loads for a second

    confidences = np.concatenate([walk.confidences[low:high] for walk in walks])
    right = np.concatenate([walk.is_right[low:high] for walk in walks])
    order = np.argsort(confidences)
    blocks = np.array_split(order, max(1, len(order) // _BLOCK))
    if not len(order):
        return np.array([0.0]), np.array([0.0])
    starts = np.array([confidences[block[0]] for block in blocks])
    # Half a wrong answer more: a block that happens to be all right is not certainty.
    shares = [float(right[block].sum() / (len(block) + 0.5)) for block in blocks]
    return starts, IsotonicRegression().fit_transform(starts, shares)


def _scores(walk: KnownWalk, ends: Sequence[int], worths: Sequence[_Worth]) -> NDArray[np.float64]:
    """(L,) worth of each look's confidence, read from below as the rule will."""
    scores = np.empty(len(walk.confidences))
    for low, high, (known, worth) in zip((0, *ends), ends, worths, strict=False):
        part = slice(low, min(high, len(scores)))
        at = np.searchsorted(known, walk.confidences[part], side="right") - 1
        scores[part] = np.where(at < 0, 0.0, worth[np.maximum(at, 0)])
    return scores


def _threshold(
    scored: Sequence[NDArray[np.float64]], walks: Sequence[KnownWalk], target: float
) -> float:
    """The lowest worth to stop at that still keeps the promise; above 1: none does."""
    found = NEVER
    for threshold in _GRID:
        stops = [
            np.flatnonzero((scores >= threshold) & walk.may_stop)
            for scores, walk in zip(scored, walks, strict=True)
        ]
        right = [walk.is_right[at[0]] for walk, at in zip(walks, stops, strict=True) if len(at)]
        if len(right) < 2 * _needed(target):
            continue  # chosen by counts alone, so that the sequence of tests stays fixed
        wrong = len(right) - int(np.sum(right))
        if stats.binom.cdf(wrong, len(right), 1 - target) > RISK:
            break
        found = float(threshold)
    return found


def _confidence(worth: _Worth, threshold: float) -> float:
    known, shares = worth
    enough = np.flatnonzero(shares >= threshold)
    return float(known[enough[0]]) if len(enough) else NEVER
