"""A run's model asked once more what it made of an image: one layer of the report per kind of explanation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actors.explanation_layers import layer_of_cells, layer_of_looks
from actors.model_directory import ModelDirectory
from actors.model_loading import load_runner
from models.errors import ModelError
from models.explanations.cells import cell_explanation
from models.explanations.explanation import Explanation
from models.explanations.looks import look_evidence, look_weights
from models.explanations.windows import window_cam, window_grad_cam
from models.tnet import TNet
from pipeline.evidence.layer import ImageExplanation, Layer
from pipeline.evidence.methods import Method
from pipeline.evidence.retrace import RetracedLook, retrace
from pipeline.images.window import WindowReader
from pipeline.records.finished_image import FinishedImage
from pipeline.walk.glimpse import Observation, Position

NUM_TELLING = 4
"""Looks of an image that are shown from the inside: those that said most for its label."""
MIN_TELLING = 0.05
"""Least evidence of such a look, relative to the first: what lies inside a look that says nothing is chance."""
MAX_DIFFERENCE = 0.001
"""In any class probability, between the run and now, that may be another machine's arithmetic; a larger one is told."""


class Explainer:
    """Explains images of one run. Safe to use from many threads; the network has one at a time.

    Args:
        model: of the run, with its changes.
        methods: kinds of explanation that are wanted.
    """

    def __init__(self, model: ModelDirectory, methods: Sequence[Method]) -> None:
        self._config = model.config
        self._methods = [one for one in methods if one.needs_model]
        self._runner = load_runner(model)
        self._lock = threading.Lock()

    def __call__(self, image: FinishedImage, windows: WindowReader) -> ImageExplanation:
        """Take an image's looks once more and explain its label.

        Raises:
            ImageError: if it is another image by now.
            TileReadError: if a look cannot be read any more.
        """
        size = self._runner.batch_size
        looks = retrace(image, windows, self._config.plan, self._take_looks, batch_size=size)
        if image.label is None or not looks:
            return ImageExplanation(layers=(), remark="There is no label to explain.")
        kept = np.stack([look.observation.kept for look in looks])  # (L, R)
        with self._lock, torch.no_grad():
            subject = _Subject(
                network=self._runner.network,
                device=self._runner.device,
                looks=looks,
                kept=torch.from_numpy(kept).to(self._runner.device),
                class_index=self._config.class_names.index(image.label),
                windows=windows,
            )
            layers = tuple(_layer(method, subject) for method in self._methods)
            now = self._runner.combine(kept)[-1]
        return ImageExplanation(layers=layers, remark=self._remark(image, now))

    def _take_looks(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        with self._lock:
            return self._runner.look(windows, positions)

    def _remark(self, image: FinishedImage, now: NDArray[np.float64]) -> str | None:
        then = np.array([image.probabilities[name] for name in self._config.class_names])
        if np.abs(now - then).max() <= MAX_DIFFERENCE:
            return None
        index = self._config.class_names.index(str(image.label))
        return (
            f"Taken once more, the looks give {image.label} a probability of {now[index]:.3f}; in the run it was "
            f"{then[index]:.3f}. Maps show what the model says now: was the image changed since, or were some of "
            "its tiles not readable then?"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Subject:
    """One image, and the network that is asked."""

    network: TNet
    """In evaluation mode."""
    device: torch.device
    """Where it is."""
    looks: Sequence[RetracedLook]
    """Taken once more, in order; at least one."""
    kept: Tensor
    """(L, R) what the aggregation keeps of them."""
    class_index: int
    """Of the image's label."""
    windows: WindowReader
    """Shows the image as in the walk."""

    @property
    def telling(self) -> list[RetracedLook]:
        """Those that said most for the class, first."""
        evidence = self.network.aggregation.evidence(self.kept)[:, self.class_index]  # (L,)
        first, *others = evidence.argsort(descending=True, stable=True)[:NUM_TELLING].tolist()
        least = MIN_TELLING * abs(evidence[first])
        return [self.looks[i] for i in (first, *(i for i in others if evidence[i] >= least))]


def _layer(method: Method, subject: _Subject) -> Layer:
    try:
        return _LAYERS[method.name](subject)
    except ModelError as error:
        return Layer(method=method, problem=str(error))


def _weights(subject: _Subject) -> Layer:
    return layer_of_looks(look_weights(subject.network.aggregation, subject.kept), subject.looks)


def _evidence(subject: _Subject) -> Layer:
    found = look_evidence(subject.network.aggregation, subject.kept, subject.class_index)
    return layer_of_looks(found, subject.looks)


def _cells(subject: _Subject) -> Layer:
    looks = [look for look in subject.looks if look.cells]
    if not looks:
        raise ModelError("no look of this image had candidate cells")
    log_probs = np.stack([look.observation.cell_log_probs for look in looks])  # (L, G)
    found = cell_explanation(subject.network.cell_scores, torch.from_numpy(log_probs))
    return layer_of_cells(found, looks)


def _inside(
    subject: _Subject, explain: Callable[[TNet, Tensor, Tensor, Tensor], Explanation]
) -> Layer:
    looks = subject.telling
    pixels = np.stack([subject.windows.read(look.glimpse.region).pixels for look in looks])
    at = [(one.y, one.x, one.depth) for one in (look.glimpse.position for look in looks)]
    images = torch.from_numpy(pixels).to(subject.device)  # (B, C, base, base)
    positions = torch.tensor(at, device=subject.device)  # (B, 3)
    classes = torch.full((len(looks),), subject.class_index, device=subject.device)
    with torch.enable_grad():
        found = explain(subject.network, images, positions, classes)
    return layer_of_looks(found, looks)


def _cam(subject: _Subject) -> Layer:
    return _inside(subject, window_cam)


def _grad_cam(subject: _Subject) -> Layer:
    return _inside(subject, window_grad_cam)


_LAYERS: Mapping[str, Callable[[_Subject], Layer]] = {
    "weights": _weights,
    "evidence": _evidence,
    "cells": _cells,
    "cam": _cam,
    "grad_cam": _grad_cam,
}
