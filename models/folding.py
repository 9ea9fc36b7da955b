"""Batch normalisation folded into the convolutions before it, for networks that learn no more."""

from __future__ import annotations

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_norms(network: nn.Module) -> int:
    """Fold, in place, each normalisation that follows a convolution in a `Sequential`; how many there were.

    Known statistics make it a scale and a shift per channel, which the convolution's weights can hold: the network says
    the same, to rounding, with a pass over memory less for each. Elsewhere than in a `Sequential` nothing says
    that the one follows the other, so there it stays.

    Args:
        network: in evaluation mode.

    Raises:
        ValueError: if it still learns.
    """
    if network.training:
        raise ValueError("a network that learns needs its batch normalisation; call eval() first")
    sequences = [module for module in network.modules() if isinstance(module, nn.Sequential)]
    return sum(_folded(sequence) for sequence in sequences)


def _folded(sequence: nn.Sequential) -> int:
    count = 0
    for index, (first, second) in enumerate(pairwise(list(sequence))):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            sequence[index], sequence[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
            count += 1
    return count
