"""How well each position of a map agrees with the whole image (section 3.2), and the mean that it weights (3.1)."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

from torch import Tensor, nn

from models.errors import ModelError

CompatibilityKind: TypeAlias = Literal["pc", "dp"]
"""`pc`: parametrised, equation 2. `dp`: dot product, equation 3."""


class Attended(NamedTuple):
    """A map seen through its attention."""

    vector: Tensor
    """(B, C): the weighted mean of its positions."""
    mask: Tensor
    """(B, 1, m, n): the weights, summing to 1."""


class Compatibility(nn.Module):
    """Scores of positions, a softmax over them, and the mean that they weight.

    Args:
        kind: of the scores. `pc` learns a weight per channel of (local + global) and a bias; `dp` has nothing to learn.
        channels: C of the map and of the global vector.

    Raises:
        ModelError: if there is no such kind.
    """

    def __init__(self, kind: CompatibilityKind, channels: int) -> None:
        super().__init__()
        if kind not in get_args(CompatibilityKind):
            raise ModelError(f"there is no compatibility {kind!r}; wanted pc or dp")
        self.score = nn.Conv2d(channels, 1, 1) if kind == "pc" else None

    @property
    def needs_query(self) -> bool:
        """Whether the answer depends on the global vector at all.

        Under `pc` it does not: its part of every score is one number, and the softmax takes no notice of that.
        """
        return self.score is None

    def scores(self, local: Tensor, query: Tensor | None) -> Tensor:
        """(B, C, m, n) and (B, C) to (B, 1, m, n). A query may be missing where none is needed."""
        if self.score is None:
            if query is None:
                raise ModelError("dp compares with a global vector; there is none")
            return (local * query[:, :, None, None]).sum(dim=1, keepdim=True)
        merged: Tensor = self.score(local if query is None else local + query[:, :, None, None])
        return merged

    def forward(self, local: Tensor, query: Tensor | None) -> Attended:
        """(B, C, m, n) and (B, C) to the vector and the mask (equation 1)."""
        scores = self.scores(local, query)
        mask = scores.flatten(2).softmax(dim=2).view(scores.shape)  # (B, 1, m, n)
        return Attended((local * mask).sum(dim=(2, 3)), mask)
