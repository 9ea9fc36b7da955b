"""The whole of it: choose a layer, attend to positions in it, remember, and again; then answer from all states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.uan.conv_lstm import ConvLstmCell, MapState
from models.uan.layer_attention import LayerChoice
from models.uan.spatial_attention import Seen, SpatialAttention
from models.uan.trunk import CHANNELS, GoogLeNetTrunk, LazyMaps

STATE_CHANNELS = 96
STATE_SIDE = 7
"""Rows and columns of the state: those of the deepest layer at 224 px."""
_EMBEDDED = 96


class UanAnswer(NamedTuple):
    """What the network says."""

    outputs: Tensor
    """(B, K): logits of classes, or whatever is regressed."""
    choices: Tensor
    """(B, N) int64: the layer that was looked at in each step, by its number."""
    masks: tuple[Tensor, ...]
    """Per step (B, 1, 28, 28) or the shallowest layer's size: where in it, summing to 1."""
    deepest: str | None
    """The deepest layer that had to be computed."""


class Uan(nn.Module):
    """GoogLeNet with layer and spatial attention.

    Args:
        num_outputs: K: classes, or 7 for a pose.
        layers: to choose among, the shallowest first.
        num_steps: N; the paper has 3 for poses and 2 for scenes.
    """

    def __init__(
        self, num_outputs: int, *, layers: Sequence[str] = tuple(CHANNELS), num_steps: int = 2
    ) -> None:
        super().__init__()
        self.trunk = GoogLeNetTrunk(layers)
        self._layers = tuple(layers)
        self._num_steps = num_steps
        self.choice = LayerChoice(STATE_CHANNELS, len(layers))
        self.attentions = nn.ModuleList(
            SpatialAttention(CHANNELS[name], STATE_CHANNELS, _EMBEDDED) for name in layers
        )
        self.memory = ConvLstmCell(_EMBEDDED, STATE_CHANNELS)
        self.head = nn.Linear(num_steps * STATE_CHANNELS, num_outputs)

    def forward(self, images: Tensor) -> UanAnswer:
        """(B, 3, H, W), sides of 32 px or more. Afterwards only layers down to the deepest chosen are computed."""
        maps = self.trunk.looked_at(images)
        state = self.memory.first(len(images), STATE_SIDE, STATE_SIDE, images)
        states, choices, masks = [], [], []
        for _ in range(self._num_steps):
            chosen = self.choice(state.hidden)  # (B, L)
            seen = self._seen(maps, state, chosen)
            state = self.memory(seen.embedded, state)
            states.append(state.hidden)
            choices.append(chosen.argmax(dim=1))
            masks.append(seen.mask)
        pooled = torch.cat(states, dim=1).mean(dim=(2, 3))  # (B, N S)
        return UanAnswer(self.head(pooled), torch.stack(choices, dim=1), tuple(masks), maps.deepest)

    def _seen(self, maps: LazyMaps, state: MapState, chosen: Tensor) -> Seen:
        """Each image's own layer. In training all are computed: the choice learns from those that it is not."""
        size = maps.of(self._layers[0]).shape[2:]
        parts = []
        for number, name in enumerate(self._layers):
            weight = chosen[:, number, None, None, None]  # (B, 1, 1, 1)
            if self.training or bool(weight.any()):
                one: Seen = self.attentions[number](maps.of(name), state.hidden)
                mask = weight.detach() * _resized(one.mask, size)
                parts.append(Seen(weight * one.embedded, mask))
        return Seen(
            torch.stack([one.embedded for one in parts]).sum(dim=0),
            torch.stack([one.mask for one in parts]).sum(dim=0),
        )


def layer_frequencies(choices: Tensor, num_layers: int) -> Tensor:
    """(B, N) chosen layers to (N, L) shares of the images that look at each in each step (figure 3)."""
    counts = [torch.bincount(step, minlength=num_layers) for step in choices.T]
    return torch.stack(counts) / len(choices)


def _resized(mask: Tensor, size: Sequence[int]) -> Tensor:
    """(B, 1, *size), summing to 1."""
    larger = nn.functional.interpolate(mask, size=tuple(size), mode="bilinear", align_corners=False)
    total: Tensor = larger.sum(dim=(2, 3), keepdim=True)
    return larger / total
