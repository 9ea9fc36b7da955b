"""What a feature extraction module says of a window; the contract of all of them.

Whatever it takes its vectors from last passes through its part `last_maps`, (B, D, m, n): explanations ask there.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Features(NamedTuple):
    """Of a batch of windows."""

    vectors: Tensor
    """(B, D) one feature vector per window."""
    cells: Tensor
    """(B, D', n, n) one vector per candidate cell, from an intermediate layer; n is 0 without location module."""
    depths: Tensor
    """(B,) int64, depth of each window in the walk."""

    def detached(self) -> Features:
        """The same, cut off from the gradient."""
        return Features(self.vectors.detach(), self.cells.detach(), self.depths)
