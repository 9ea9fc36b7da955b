"""Progressive attention (PAN, Seo et al., 2016): a value for each position, from what lies around it and a question."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ContextAttention(nn.Module):
    """PAN's attention: context, plus the query, through one more layer.

    Args:
        channels: C of the maps and of the query.
        context_px: side of the context convolution, odd.
    """

    def __init__(self, channels: int, *, context_px: int) -> None:
        super().__init__()
        self.context = nn.Conv2d(channels, channels, context_px, padding=context_px // 2)
        self.score = nn.Conv2d(channels, 1, 1)

    def forward(self, maps: Tensor, query: Tensor | None = None) -> Tensor:
        """(B, C, m, n) and (B, C) to (B, 1, m, n) values, before they are squashed."""
        hidden: Tensor = self.context(maps)
        if query is not None:
            hidden = hidden + query[:, :, None, None]
        values: Tensor = self.score(F.relu(hidden))
        return values
