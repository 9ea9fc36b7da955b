"""Random starting weights, by the paper's rules and from a seed, without touching the global generator."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import nn

from models.attention_rnn.diagonal_lstm import DiagonalLSTM
from models.depth_layers import DepthConv2d, DepthLinear
from models.location import Coordinates
from models.weighting import SqueezeScore

Scheme: TypeAlias = Literal["glorot", "fan_out", "fan_in"]
Filled: TypeAlias = nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear

_TRUNCATION = 0.87962566103423978
"""Standard deviation of a unit normal cut at two; TensorFlow divides by it."""


def initialise(model: nn.Module, *, seed: int, scheme: Scheme) -> None:
    """Fill a network with its starting weights.

    Args:
        model: the network, on the CPU.
        seed: the same seed gives the same weights.
        scheme: `glorot`: Glorot normal everywhere (the paper's ImageNet networks); `fan_out`: fan-out variance
            scaling (its fMoW networks); `fan_in`: uniform within 1 / sqrt(fan-in), for networks whose looks add up
            and must start without an opinion. Biases start at 0.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            if isinstance(module, Filled):
                _fill(module, scheme)
            if isinstance(module, DepthConv2d | DepthLinear | DiagonalLSTM):
                module.fill()
        for module in model.modules():
            if isinstance(module, Coordinates):  # they start as the coordinates themselves
                nn.init.ones_(module.y.weight)
                nn.init.ones_(module.x.weight)
            if isinstance(module, SqueezeScore):
                module.start_as_mean()


def _fill(module: Filled, scheme: Scheme) -> None:
    if scheme == "glorot":
        nn.init.xavier_normal_(module.weight)
    elif scheme == "fan_in":
        bound = math.sqrt(1 / math.prod(module.weight.shape[1:]))
        nn.init.uniform_(module.weight, -bound, bound)
    elif isinstance(module, nn.Conv2d):
        # Per group, as TensorFlow counts a depthwise kernel; counting all groups would all but silence it.
        fan_out = module.out_channels // module.groups * math.prod(module.kernel_size)
        std = math.sqrt(2 / fan_out) / _TRUNCATION
        nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
    else:  # linear, or a convolution of one position
        bound = math.sqrt(1 / module.weight.shape[0])
        nn.init.uniform_(module.weight, -bound, bound)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
