"""From an explanation to an object: a threshold that the map itself suggests, and how well the object is met."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from models.explanations.explanation import Explanation


def segmented(explanation: Explanation, height: int, width: int) -> Tensor:
    """(B, height, width) bool: above Otsu's threshold of each map, on 256 steps of grey."""
    grey = (explanation.shown(height, width) * 255).round().to(torch.uint8).cpu().numpy()
    parts = [cv2.threshold(one, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1] for one in grey]
    return torch.from_numpy(np.stack(parts)).bool()


def jaccard(found: Tensor, truth: Tensor) -> Tensor:
    """(B,) share of the union that both cover, of (B, H, W) bool each; 1 where both are empty."""
    both = (found & truth).sum(dim=(1, 2))
    either = (found | truth).sum(dim=(1, 2))
    return torch.where(either > 0, both / either.clamp_min(1), 1.0)
