"""A memory with a place for everything: looks are written where they lie, and a ConvLSTM keeps what they said.

As UAN carries what it saw from step to step (Joint Spatial and Layer Attention, section 3.3); there it is maps of a
network's layers, here it is looks on the map of an image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.aggregation import Aggregation, above_mean
from models.uan.conv_lstm import ConvLstmCell, MapState

_EMBEDDED = 16
_STATE_CHANNELS = 32
_EVERYWHERE = -1
_TINY = 1e-30


class MapMemoryAggregation(Aggregation):
    """A ConvLSTM over the root's grid of cells, one step per look; what it remembers is classified.

    A first look is written into every place of the map, any other into the place of the root's cell that it lies in.
    Looks count in their order, so there is no way but one after another.

    Args:
        classification: (B, D) to (B, K) logits, of single looks.
        num_classes: K.
        num_features: D.
        grid: n, candidate cells per side.
    """

    def __init__(
        self, classification: nn.Module, *, num_classes: int, num_features: int, grid: int
    ) -> None:
        super().__init__(classification)
        self._num_classes = num_classes
        self._side = max(1, grid)
        self.embed = nn.Linear(num_features, _EMBEDDED)
        self.memory = ConvLstmCell(_EMBEDDED, _STATE_CHANNELS)
        self.head = nn.Linear(_STATE_CHANNELS, num_classes)

    def keep(self, features: Tensor, positions: Tensor) -> Tensor:
        """(B, D) to (B, K + E + 2): the look's own logits, what is written, and its row and column on the map."""
        depth = positions[:, 2:]  # (B, 1)
        below = self._side ** (depth - 1).clamp_min(0)
        place = torch.where(
            depth == 0, _EVERYWHERE, positions[:, :2] // below % self._side
        )  # (B, 2)
        written = self.embed(features)
        return torch.cat([self.classification(features), written, place.to(features.dtype)], dim=1)

    def combine(self, kept: Tensor) -> Tensor:
        """(L, K + E + 2) to (L, K) probabilities after each look."""
        maps = self._maps(kept)
        state = self._forgotten(1, kept)
        logits = []
        for look in range(len(maps)):
            state = self.memory(maps[look : look + 1], state)
            logits.append(self._logits(state))
        return torch.cat(logits).to(torch.float64).softmax(dim=1)

    @property
    def evidence_unit(self) -> str:
        """What `evidence` is counted in, in words."""
        return "logits above the mean of all classes that leaving the look out would take away"

    def weights(self, kept: Tensor) -> Tensor:
        """(L, K + E + 2) to (L,): how much leaving each look out would change, as a share of all such changes."""
        changes = self.evidence(kept).abs().sum(dim=1)
        total = changes.sum()
        even = torch.full_like(changes, 1 / len(changes))
        return torch.where(total > 0, changes / total.clamp_min(_TINY), even)

    def evidence(self, kept: Tensor) -> Tensor:
        """(L, K + E + 2) to (L, K). A memory adds nothing up: each look is left out once, of as many walks."""
        count = len(kept)
        others = ~torch.eye(count, dtype=torch.bool, device=kept.device)
        walk, look = torch.nonzero(others).T  # (L (L - 1),) each
        whole = self._remembered(kept, torch.zeros_like(kept[:, 0], dtype=torch.int64), 1)
        without = self._remembered(kept[look], walk, count)  # (L, K)
        return above_mean(whole.to(torch.float64)) - above_mean(without.to(torch.float64))

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, K + E + 2) to (N, K) log-probabilities."""
        return F.log_softmax(self._remembered(kept, image_of, num_images), dim=1)

    def _remembered(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, K + E + 2) to (N, K) logits; a step takes one look of every image that has one left."""
        maps = self._maps(kept)
        order = _order(image_of, num_images)  # (M,)
        state = self._forgotten(num_images, kept)
        num_steps = int(order.max()) + 1 if len(order) else 0
        for step in range(num_steps):
            rows = torch.nonzero(order == step)[:, 0]
            images = image_of[rows]
            after = self.memory(maps[rows], MapState(state.hidden[images], state.cell[images]))
            state = MapState(
                state.hidden.index_copy(0, images, after.hidden),
                state.cell.index_copy(0, images, after.cell),
            )
        return self._logits(state)

    def _maps(self, kept: Tensor) -> Tensor:
        """(M, E, n, n): each look's values where it lies, zeros elsewhere."""
        written = kept[:, self._num_classes : -2]  # (M, E)
        numbers = torch.arange(self._side, device=kept.device)
        row, col = kept[:, -2, None], kept[:, -1, None]  # (M, 1) each
        in_row, in_col = ((numbers == at) | (at == _EVERYWHERE) for at in (row, col))  # (M, n)
        there = in_row[:, :, None] & in_col[:, None]  # (M, n, n)
        return written[:, :, None, None] * there[:, None]

    def _forgotten(self, count: int, like: Tensor) -> MapState:
        return self.memory.first(count, self._side, self._side, like)

    def _logits(self, state: MapState) -> Tensor:
        logits: Tensor = self.head(state.hidden.mean(dim=(2, 3)))
        return logits


def _order(image_of: Tensor, num_images: int) -> Tensor:
    """(M,) place of each look among those of its image, which stand together."""
    counts = torch.bincount(image_of, minlength=num_images)
    first = counts.cumsum(0) - counts  # (N,)
    return torch.arange(len(image_of), device=image_of.device) - first[image_of]
