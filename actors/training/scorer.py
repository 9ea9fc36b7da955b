"""Who says in training which cells are worth a look."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from models.tnet import TNet
from pipeline.images.saliency import blob_scores
from pipeline.walk.cell_scorer import LookScores
from pipeline.walk.config import WalkConfig
from pipeline.walk.exploration import ExplorationConfig
from pipeline.walk.glimpse import Position


class NetworkScorer:
    """The network as it is at this moment, without gradient."""

    def __init__(self, network: TNet, device: torch.device) -> None:
        self._network = network
        self._device = device

    @torch.no_grad()
    def score(
        self,
        windows: Sequence[NDArray[np.float32]],
        positions: Sequence[Position],
        downsamples: Sequence[float],  # noqa: ARG002  # the contract; the network knows depths
    ) -> LookScores:
        """Log-probabilities of the cells of windows (C, base, base), and of the depths below them."""
        images = torch.from_numpy(np.stack(windows))  # (B, C, base, base)
        yxd = torch.tensor([(at.y, at.x, at.depth) for at in positions])  # (B, 3)
        with self._as_classify():
            look = self._network.look(
                images.to(self._device, memory_format=torch.channels_last), yxd.to(self._device)
            )
        return LookScores(
            cells=look.cell_log_probs.float().cpu().numpy(),
            levels=look.level_logits.float().log_softmax(dim=1).cpu().numpy(),
        )

    @torch.no_grad()
    def score_roots(self, overviews: NDArray[np.float32]) -> NDArray[np.float32]:
        """(R, Q) log-probabilities of the roots of an image, from overviews (R, Q, C, p, p)."""
        with self._as_classify():
            logits = self._network.root_logits(torch.from_numpy(overviews).to(self._device))
        scores: NDArray[np.float32] = F.logsigmoid(logits.float()).cpu().numpy()
        return scores

    @contextlib.contextmanager
    def _as_classify(self) -> Iterator[None]:
        """With the statistics that classify will use."""
        was_training = self._network.training
        self._network.eval()
        try:
            yield
        finally:
            self._network.train(was_training)


class BlobScorer:
    """Brightness, until the network knows better.

    Args:
        walk: which cells a look has.
        exploration: how large what is looked for is.
        num_levels: J, depths among which the network will choose; here none is better than another.
    """

    def __init__(self, walk: WalkConfig, exploration: ExplorationConfig, num_levels: int) -> None:
        self._num_levels = num_levels
        self._walk = walk
        self._object_px = exploration.object_px

    def score(
        self,
        windows: Sequence[NDArray[np.float32]],
        positions: Sequence[Position],  # noqa: ARG002  # the contract; blobs have a size, no depth
        downsamples: Sequence[float],
    ) -> LookScores:
        """Standard scores of the cells of windows (C, base, base)."""
        cells = np.stack(
            [
                blob_scores(
                    window,
                    num_per_side=self._walk.grid,
                    cell_fraction=self._walk.cell_fraction,
                    blob_px=self._object_px / downsample,
                )
                for window, downsample in zip(windows, downsamples, strict=True)
            ]
        )  # (B, G)
        return LookScores(cells=cells, levels=np.zeros((len(cells), self._num_levels), np.float32))
