"""Where to look next, given where one looked: the Saccader cell (Saccader, section 2.1 and figure 2)."""

from __future__ import annotations

import math

from torch import Tensor, nn

_VISITED = -1e5
"""Added to the logits of visited positions, as in the authors' code."""


class SaccaderCell(nn.Module):
    """Attends to space, then to channels, and by those channels scores every position that is left.

    Its only parameters are one weight per channel; its only memory are the visited positions.

    Args:
        channels: C of the mixed features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.space = nn.Linear(channels, 1, bias=False)
        self._scale = 1 / math.sqrt(channels)

    def forward(self, mixed: Tensor, visited: Tensor) -> Tensor:
        """Logits of all positions; those of visited ones are 100,000 lower.

        Args:
            mixed: (B, G, C) features of the positions.
            visited: (B, G) 1 where the cell looked, 0 elsewhere.

        Returns:
            (B, G).
        """
        mask = _VISITED * visited
        attended: Tensor = self.space(mixed)[..., 0] * self._scale  # (B, G)
        space = (attended + mask).softmax(dim=1)  # (B, G)
        # Products, not matrix products: they are not counted as multiplications, as in TNet's table 1.
        channels = (mixed * space[..., None]).sum(dim=1).softmax(dim=1)  # (B, C)
        return (mixed * channels[:, None]).sum(dim=2) + mask  # (B, G)
