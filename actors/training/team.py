"""The workers of one training run, seen from one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import distributed


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A worker's place. Alone, no process group is needed."""

    rank: int = 0
    """Which worker this is; 0 leads: it writes files."""
    size: int = 1
    """Workers."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where this worker computes."""

    @property
    def is_leader(self) -> bool:
        """Whether this worker writes files."""
        return self.rank == 0

    def total(self, values: Sequence[float]) -> list[float]:
        """Sums over all workers; every worker must call it."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        summed: list[float] = total.tolist()
        return summed

    def gathered(self, values: torch.Tensor) -> torch.Tensor:
        """The rows of all workers, one worker after the other, of (N, ...); every worker must call it.

        Args:
            values: this worker's rows; another may have more of them, or none.
        """
        if self.size == 1:
            return values
        ranks = range(self.size)
        counts = [int(n) for n in self.total([len(values) * (r == self.rank) for r in ranks])]
        rows = values.new_zeros((max(counts), *values.shape[1:]), device=self.device)
        rows[: len(values)] = values.to(self.device)
        parts = [torch.empty_like(rows) for _ in ranks]
        distributed.all_gather(parts, rows)
        kept = [part[:count] for part, count in zip(parts, counts, strict=True)]
        return torch.cat(kept).to(values.device)
