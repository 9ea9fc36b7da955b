"""DRAM: glimpse after glimpse, each where the one before pointed, and a class at the end.

The first look is at the centre at all resolutions and belongs to no glimpse: it is what the location LSTM starts from
(the context of Ba et al.), while the classification LSTM forgets it and only ever answers for the glimpses.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.dram.glimpse import Fovea, coordinates, reach_of, veiled
from models.dram.lstm import LstmCell, LstmState
from models.errors import ModelError

STD = 0.1
"""Of drawn locations, on the scale of -1 to 1 (authors' config)."""


class DramAnswer(NamedTuple):
    """What the network says."""

    logits: Tensor
    """(B, K) after the last glimpse."""
    locations: Tensor
    """(B, T, 2) y, x from -1 to 1 where it looked; no gradient."""
    means: Tensor
    """(B, T, 2) what they were drawn around."""

    @property
    def log_probs(self) -> Tensor:
        """(B, T) log-density of each location; those cut off at the image's edge count as if drawn there."""
        squares = ((self.locations - self.means) / STD).square().sum(dim=2)  # (B, T)
        return -squares / 2 - 2 * math.log(STD) - math.log(2 * math.pi)


class DramState(NamedTuple):
    """What is remembered between glimpses."""

    classification: LstmState
    """Of what was seen."""
    location: LstmState
    """Of where to look."""


class Dram(nn.Module):
    """The network.

    Args:
        glimpse_network: (B, R (C + 2), g, g) stacks of windows with coordinates to (B, D); told `is_context`.
        num_features: D.
        num_classes: K.
        hidden: units of each LSTM.
        sees_around: whether glimpses are seen at all their resolutions (Ba et al.); False: classes are told by the
            finest alone, of the others only the means are seen (the authors of Saccader).
        input_mean: value (0 to 1) of a pixel that the network sees as 0.
    """

    mean: Tensor

    def __init__(
        self,
        glimpse_network: nn.Module,
        num_features: int,
        num_classes: int,
        *,
        hidden: int,
        sees_around: bool = False,
        input_mean: float = 0.5,
    ) -> None:
        super().__init__()
        self.glimpse_network = glimpse_network
        self.classification = LstmCell(num_features, hidden)
        self.location = LstmCell(hidden, hidden)
        self.classifier = nn.Linear(hidden, num_classes)
        self.emission = nn.Linear(hidden, 2)
        self.register_buffer("mean", torch.tensor(input_mean), persistent=False)
        self._sees_around = sees_around

    @property
    def classes(self) -> nn.ModuleList:
        """What tells classes; the location LSTM and the emission tell where to look."""
        return nn.ModuleList([self.glimpse_network, self.classification, self.classifier])

    def forward(self, fovea: Fovea, num_glimpses: int) -> DramAnswer:
        """Look around.

        Args:
            fovea: shows B images.
            num_glimpses: T, at least 1; one more look is taken for the context.

        Raises:
            ModelError: if there is no glimpse.
        """
        if num_glimpses < 1:
            raise ModelError(f"{num_glimpses} glimpses; give 1 or more")
        extents = fovea.extents
        centre = torch.zeros_like(extents[:, 0])  # (B, 2)
        start = DramState(self.classification.first(centre), self.location.first(centre))
        context = self._step(fovea, centre, start, is_context=True)
        state = DramState(start.classification, context.location)
        locations, means = [], []
        for _ in range(num_glimpses):
            mean = self.emission(state.location.hidden).tanh() * reach_of(extents)  # (B, 2)
            where = self._drawn(mean, reach_of(extents))
            state = self._step(fovea, where, state, is_context=False)
            locations.append(where)
            means.append(mean)
        logits = self.classifier(state.classification.hidden)
        return DramAnswer(logits, torch.stack(locations, dim=1), torch.stack(means, dim=1))

    def _step(
        self, fovea: Fovea, locations: Tensor, state: DramState, *, is_context: bool
    ) -> DramState:
        windows = (fovea.look(locations) - self.mean) * 2  # (B, R, C, g, g)
        places = coordinates(locations, fovea.extents, windows.shape[-1])
        stack = torch.cat([windows, places], dim=2)  # (B, R, C + 2, g, g)
        if not (is_context or self._sees_around):
            stack = veiled(stack)
        features = self.glimpse_network(stack.flatten(1, 2), is_context=is_context)  # (B, D)
        classification = self.classification(features, state.classification)
        return DramState(classification, self.location(classification.hidden, state.location))

    def _drawn(self, mean: Tensor, reach: Tensor) -> Tensor:
        if not self.training:
            return mean.detach()
        drawn = mean.detach() + STD * torch.randn_like(mean)
        return torch.minimum(torch.maximum(drawn, -reach), reach)
