"""Any trunk with local maps and a global vector, and attention between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from torch import Tensor, nn

from models.errors import ModelError
from models.ltpa.compatibility import Attended, Compatibility, CompatibilityKind
from models.ltpa.gradient_merge import GradientMerge, forked
from models.ltpa.heads import Fusion, Head


class Trunk(nn.Module, ABC):
    """A network without its classifier."""

    widths: tuple[int, ...]
    """Channels of the local maps, the lowest first."""
    global_width: int
    """Of the global vector."""

    @abstractmethod
    def maps(self, images: Tensor, num_attended: int, merge: GradientMerge) -> Maps:
        """The local maps; of the last `num_attended` the gradients are merged."""

    @abstractmethod
    def vector(self, last: Tensor) -> Tensor:
        """The global vector, (B, global width)."""


class Maps(NamedTuple):
    """What a trunk makes of images."""

    local: list[Tensor]
    """(B, C, m, n) each, the lowest first."""
    last: Tensor
    """What the global vector is made of."""


class AttentiveAnswer(NamedTuple):
    """What a network with attention says."""

    log_probs: Tensor
    """(B, K)."""
    masks: tuple[Tensor, ...]
    """Per level (B, 1, m, n), the lowest first; each sums to 1."""
    features: Tensor
    """(B, F): the attended vectors, normalised; what other tasks are learned from."""


class AttentionOptions(TypedDict, total=False):
    """Options of an `AttentiveNetwork` that do not depend on its trunk."""

    num_levels: int
    kind: CompatibilityKind
    fusion: Fusion
    merge: GradientMerge


class AttentiveNetwork(nn.Module):
    """Attention at the last levels of a trunk (section 3).

    Levels narrower than the global vector see it projected; its projection is shared by all levels of one width.

    Args:
        trunk: gives the maps.
        num_classes: K.
        dropout: before the classifier, in training.
        num_levels: the last so many maps are attended.
        kind: compatibility, `pc` or `dp`.
        fusion: how levels come together: `concat`, `indep` or `indep_product`.
        merge: of gradients; the authors' code has `mean`.

    Raises:
        ModelError: if the trunk has not as many maps.
    """

    def __init__(
        self,
        trunk: Trunk,
        num_classes: int,
        *,
        dropout: float,
        num_levels: int = 2,
        kind: CompatibilityKind = "pc",
        fusion: Fusion = "concat",
        merge: GradientMerge = "sum",
    ) -> None:
        super().__init__()
        if not 1 <= num_levels <= len(trunk.widths):
            raise ModelError(
                f"{num_levels} levels are to be attended; there are 1 to {len(trunk.widths)}"
            )
        self.trunk = trunk
        self._merge: GradientMerge = merge
        widths = trunk.widths[-num_levels:]
        global_width = trunk.global_width
        self.compatibilities = nn.ModuleList(Compatibility(kind, width) for width in widths)
        narrower = sorted({width for width in widths if width != global_width})
        self.projections = nn.ModuleDict(
            {str(width): _projection(global_width, width) for width in narrower}
        )
        self.head = Head(widths, num_classes, fusion=fusion, dropout=dropout)

    def forward(self, images: Tensor, query: Tensor | None = None) -> AttentiveAnswer:
        """(B, 3, H, W) to the answer. `query`: (B, global width) of other images, to ask about theirs (A.4)."""
        local, last = self._maps(images)
        if query is None and self._asks:
            query = self.trunk.vector(last)
        attended = self._attended(local, query)
        log_probs, features = self.head.with_features([one.vector for one in attended])
        return AttentiveAnswer(log_probs, tuple(one.mask for one in attended), features)

    def global_vector(self, images: Tensor) -> Tensor:
        """(B, global width) of images: what others may be asked about with."""
        return self.trunk.vector(self._maps(images).last)

    def _maps(self, images: Tensor) -> Maps:
        return self.trunk.maps(images, len(self.compatibilities), self._merge)

    @property
    def _asks(self) -> bool:
        """Under `pc` nothing depends on the global vector; in training its statistics are kept all the same."""
        return self.training or any(one.needs_query for one in self.compatibilities)

    def _attended(self, local: Sequence[Tensor], query: Tensor | None) -> list[Attended]:
        if query is not None:
            query = forked(query, len(self.compatibilities), self._merge)
        attended = []
        for one, compatibility in zip(
            local[-len(self.compatibilities) :], self.compatibilities, strict=True
        ):
            own = None if query is None else self._projected(query, one.shape[1])
            attended.append(compatibility(one, own))
        return attended

    def _projected(self, query: Tensor, width: int) -> Tensor:
        name = str(width)
        projected: Tensor = self.projections[name](query) if name in self.projections else query
        return projected


def _projection(before: int, after: int) -> nn.Module:
    return nn.Sequential(
        nn.BatchNorm1d(before), nn.ReLU(), nn.Dropout(0.5), nn.Linear(before, after)
    )
