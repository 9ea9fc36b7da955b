"""Query by example: how much a cell, or a look, resembles what was seen of an example.

The compatibility is the inner product of Learn to Pay Attention (section 2.2, "dp"), between what the network makes of
a place and of the example, in units of the example's own: 1 is the example itself. Nothing here is learned;
`actors/example.py` fills in what the example looks like at every depth.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.aggregation import Aggregation
from models.features import Features

MAX_DEPTHS = 16
"""Deeper looks are compared with what the example shows at the last of them."""
_GAIN = 10.0
"""Logit of a cell that is the example itself, less that of one that is nothing like it."""
_TINY = 1e-6


def resemblance(example: Tensor, others: Tensor) -> Tensor:
    """The cosine, times how strong the other one is where it is weaker than the example.

    Args:
        example: (..., D), not zero.
        others: (..., D).

    Returns:
        (...) from -1 to 1; 1 only where both are the same.
    """
    products: Tensor = (example * others).sum(dim=-1)
    length = example.norm(dim=-1)
    unit = length * torch.maximum(length, others.norm(dim=-1))
    found: Tensor = products / unit.clamp_min(_TINY)
    return found


def apart(cells: Tensor) -> Tensor:
    """(B, D', n, n) to (B, G, D'): what tells each cell from the mean of all cells of its look."""
    flat = cells.flatten(2).mT  # (B, G, D')
    return flat - flat.mean(dim=1, keepdim=True)


class LikenessLocation(nn.Module):
    """Cells that look as the example does from so far away.

    Args:
        cell_channels: D'.
    """

    examples: Tensor
    """(MAX_DEPTHS, D') what tells the example's cell from the others, per depth of the look."""

    def __init__(self, cell_channels: int) -> None:
        super().__init__()
        self.register_buffer("examples", torch.zeros(MAX_DEPTHS, cell_channels))

    def forward(self, features: Features) -> Tensor:
        """(B, G) logits of the cells, row by row."""
        example = self.examples[features.depths.clamp(max=MAX_DEPTHS - 1)]  # (B, D')
        found = resemblance(example[:, None], apart(features.cells))  # (B, G)
        return _GAIN * (found - 0.5)


class LikenessAggregation(Aggregation):
    """Two classes, like and unlike: an image is as much like the example as its best look is.

    Only looks at the example's depth count; from farther away much looks alike.

    Args:
        num_features: D.
    """

    example: Tensor
    """(D,) feature of the example."""
    depth: Tensor
    """() int64, depth at which it is seen whole."""

    def __init__(self, num_features: int) -> None:
        super().__init__(nn.Identity())
        self.register_buffer("example", torch.zeros(num_features))
        self.register_buffer("depth", torch.zeros((), dtype=torch.int64))

    def keep(self, features: Tensor, positions: Tensor) -> Tensor:
        """(B, D) to (B, 2): log-probabilities of like and unlike."""
        found = resemblance(self.example, features)  # (B,)
        counted = torch.where(positions[:, 2] == self.depth, found, 0.0)
        like = counted.clamp(_TINY, 1 - _TINY)
        return torch.stack([like.log(), (1 - like).log()], dim=1)

    def combine(self, kept: Tensor) -> Tensor:
        """(L, 2) to (L, 2) probabilities after each look: the most alike so far."""
        best = kept[:, 0].to(torch.float64).exp().cummax(dim=0).values  # (L,)
        return torch.stack([best, 1 - best], dim=1)

    @property
    def evidence_unit(self) -> str:
        """What `evidence` is counted in, in words."""
        return "likeness; the image's is that of its most alike look"

    def weights(self, kept: Tensor) -> Tensor:
        """(L, 2) to (L,): the most alike look decides alone, the first of equals."""
        decisive = torch.zeros(len(kept), dtype=torch.float64, device=kept.device)
        decisive[kept[:, 0].argmax()] = 1
        return decisive

    def evidence(self, kept: Tensor) -> Tensor:
        """(L, 2) to (L, 2): each look's own likeness, and what lacks."""
        return kept.to(torch.float64).exp()

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, 2) to (N, 2) log-probabilities."""
        lowest = kept.new_full((num_images,), -torch.inf)
        like = lowest.scatter_reduce(0, image_of, kept[:, 0], "amax")  # (N,)
        return torch.stack([like, torch.log1p(-like.exp())], dim=1)
