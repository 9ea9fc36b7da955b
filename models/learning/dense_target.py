"""What a look turned out to tell, as a target for the cell that led to it.

A reward comes once per walk and is shared by all its looks; this comes for every look that was taken, also for
those that chance chose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from models.learning.rows import Rows, mean_per_image


def told(log_probs: Tensor) -> Tensor:
    """How far predictions are from knowing nothing: KL(p || uniform) / log K, 0 to 1.

    Args:
        log_probs: (M, K).

    Returns:
        (M,), without gradient.
    """
    with torch.no_grad():
        log_k = math.log(log_probs.shape[1])
        negative_entropy = (log_probs.exp() * log_probs).sum(dim=1)
        return (negative_entropy / log_k + 1).clamp(0, 1)


def worth(told_by: Tensor, cell_logits: Tensor, rows: Rows, *, bootstrap: bool) -> Tensor:
    """What each look was worth taking: what it told, or what any look inside it told, if that is more.

    Args:
        told_by: (M,) of each look by itself.
        cell_logits: (M, G) what each promises of its cells; used where `bootstrap`.
        rows: which look lies in which.
        bootstrap: whether the best promise counts too, kept or not.

    Returns:
        (M,) 0 to 1, without gradient.
    """
    with torch.no_grad():
        values = told_by.clone()
        if bootstrap and cell_logits.shape[1]:
            has_children = torch.zeros_like(values, dtype=torch.bool)
            has_children[rows.parent[rows.chosen]] = True
            coarse = rows.depth < rows.depth.max()
            promise = cell_logits.amax(dim=1).sigmoid().to(values.dtype)
            values = torch.where(coarse | has_children, torch.maximum(values, promise), values)
        for depth in range(int(rows.depth.max()), 0, -1):  # from the finest up
            inner = torch.nonzero((rows.depth == depth) & (rows.parent >= 0))[:, 0]
            values.scatter_reduce_(0, rows.parent[inner], values[inner], "amax")
        return values


def dense_loss(cell_logits: Tensor, values: Tensor, rows: Rows) -> Tensor:
    """Cross-entropy between what cells promised and what the looks there were worth.

    Summed over depths: each depth is a mean over its looks, so that the one choice among coarse cells is not
    drowned by the many among fine ones.

    Args:
        cell_logits: (M, G).
        values: (M,) what each look was worth, 0 to 1.
        rows: which look is which cell of which other.
    """
    chosen = rows.chosen
    logits = cell_logits[rows.parent[chosen], rows.cell[chosen]]  # (P,)
    each = F.binary_cross_entropy_with_logits(
        logits, values[chosen].to(logits.dtype), reduction="none"
    )
    depths = rows.depth[chosen]
    total = each.sum() * 0
    for depth in torch.unique(depths).tolist():
        here = depths == depth
        total = total + mean_per_image(each[here], rows.image[chosen[here]], rows.num_images)
    return total


def root_loss(root_logits: Sequence[Tensor], values: Tensor, rows: Rows) -> Tensor:
    """The same for roots that were chosen from an overview of their image: a mean over the roots of each.

    Args:
        root_logits: (R, Q) of each image.
        values: (M,) what each look was worth, 0 to 1.
        rows: which look is which root.
    """
    roots = torch.nonzero(rows.parent < 0)[:, 0]
    sizes = torch.tensor([logits.numel() for logits in root_logits], device=roots.device)
    first = sizes.cumsum(0) - sizes  # (N,)
    every = torch.cat([logits.flatten() for logits in root_logits])
    chosen = every[first[rows.image[roots]] + rows.cell[roots]]  # (P,)
    each = F.binary_cross_entropy_with_logits(
        chosen, values[roots].to(chosen.dtype), reduction="none"
    )
    return mean_per_image(each, rows.image[roots], rows.num_images)
