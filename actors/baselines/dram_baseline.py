"""DRAM on an archive: of each image only the windows of its glimpses are read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from actors.baselines.config import BaselineConfig
from actors.baselines.file_fovea import FileFovea
from actors.baselines.open_image import OpenImage
from actors.baselines.result import Cost
from models.dram.build import NUM_RESOLUTIONS, build_dram
from models.dram.learning import dram_loss, dram_penalty
from models.dram.network import DramAnswer
from models.hard_attention import dram_cost


class DramBaseline:
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
        self.network = build_dram(
            config.size,
            num_classes=num_classes,
            num_bands=self._num_bands,
            sees_around=config.sees_around,
            input_mean=config.background,
            seed=config.seed,
        ).to(device)

    def loss(self, images: Sequence[OpenImage], labels: Tensor, stage: int) -> Tensor:
        """The same in its only stage."""
        del stage
        self.network.train()
        return dram_loss(self._answer(images), labels) + dram_penalty(self.network)

    def logits(self, images: Sequence[OpenImage]) -> Tensor:
        """(B, K)."""
        self.network.eval()
        return self._answer(images).logits

    def cost(self, image: OpenImage) -> Cost:
        """Whatever the image's size."""
        del image
        cost = dram_cost(
            self._config.size,
            num_classes=self._num_classes,
            num_bands=self._num_bands,
            glimpse_px=self._config.glimpse_px,
        )
        return Cost(
            locations=self._config.num_glimpses,
            num_parameters=cost.num_parameters,
            multiplications=cost.of_glimpses(self._config.num_glimpses),
        )

    def _answer(self, images: Sequence[OpenImage]) -> DramAnswer:
        fovea = FileFovea(
            images,
            num_resolutions=NUM_RESOLUTIONS,
            spacing=self._config.spacing,
            device=self._device,
        )
        answer: DramAnswer = self.network(fovea, self._config.num_glimpses)
        return answer
