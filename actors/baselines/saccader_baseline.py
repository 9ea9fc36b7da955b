"""Saccader on an archive: the whole of each image, shrunk as stated, and three stages of learning."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from actors.baselines.config import BaselineConfig
from actors.baselines.open_image import OpenImage
from actors.baselines.result import Cost
from models.hard_attention import saccader_cost
from models.saccader.build import build_saccader
from models.saccader.learning import (
    located,
    pretraining_loss,
    representation_loss,
    saccader_loss,
    saccader_penalty,
)
from pipeline.errors import UsageError

REPRESENTATION, LOCATION, ALL = range(3)
"""What is learned in each stage."""


class SaccaderBaseline:
    """A `Baseline`.

    Args:
        config: what was asked for.
        num_classes: K.
        device: where it runs.
    """

    def __init__(self, config: BaselineConfig, num_classes: int, device: torch.device) -> None:
        self._config = config
        self._num_classes = num_classes
        self._num_bands = config.input_spec().num_bands
        self._device = device
        self.network = build_saccader(
            config.size,
            num_classes=num_classes,
            num_bands=self._num_bands,
            input_mean=config.background,
            seed=config.seed,
        ).to(device)

    def loss(self, images: Sequence[OpenImage], labels: Tensor, stage: int) -> Tensor:
        """Of its stage, with the penalty of the weights that learn in it."""
        pixels, network = self._shown(images), self.network
        network.train()
        if stage == REPRESENTATION:
            loss = representation_loss(network.represent(pixels).class_maps, labels)
            return loss + saccader_penalty([network.representation])
        if stage == LOCATION:
            network.representation.eval()  # held still, its statistics, too
            return pretraining_loss(located(network, pixels)) + saccader_penalty([network.location])
        loss = saccader_loss(network(pixels, self._config.num_glimpses), labels)
        return loss + saccader_penalty([network.representation, network.location])

    def logits(self, images: Sequence[OpenImage]) -> Tensor:
        """(B, K)."""
        answer: Tensor = self.network.eval()(self._shown(images), self._config.num_glimpses).logits
        return answer

    def cost(self, image: OpenImage) -> Cost:
        """Of the whole image as it is shown."""
        height_px, width_px = (math.ceil(side / self._config.downsample) for side in image.shape_px)
        cost = saccader_cost(
            self._config.size,
            num_classes=self._num_classes,
            num_bands=self._num_bands,
            height_px=height_px,
            width_px=width_px,
        )
        return Cost(
            locations=self._config.num_glimpses,
            num_parameters=cost.num_parameters,
            multiplications=cost.of_glimpses(self._config.num_glimpses),
        )

    def _shown(self, images: Sequence[OpenImage]) -> Tensor:
        first = images[0]
        for image in images:
            if image.shape_px != first.shape_px:
                sizes = " and ".join(
                    f"{one.record.sample_id} is {one.shape_px[0]} x {one.shape_px[1]} px"
                    for one in (first, image)
                )
                raise UsageError(
                    f"{sizes}; Saccader sees whole images, in batches of one size: pad them to one, "
                    "or give --batch-size 1"
                )
        pixels = [image.whole(self._config.downsample) for image in images]
        return torch.from_numpy(np.stack(pixels)).to(self._device)  # (B, C, h, w)
