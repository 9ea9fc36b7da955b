"""What the class token of a ViT attends to: in its last block, or through all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from models.explanations.explanation import Explanation


def class_token_attention(network: VisionTransformer, images: Tensor) -> Explanation:
    """Of the last block, the mean over its heads.

    Args:
        network: a ViT.
        images: (B, 3, side, side) of the size that it is for.
    """
    last = _attentions(network, images)[-1]  # (B, 1 + P, 1 + P)
    return _explained(last[:, 0, 1:])


def attention_rollout(network: VisionTransformer, images: Tensor) -> Explanation:
    """Of all blocks, each mixed with what passes it by (Abnar and Zuidema, 2020).

    Args:
        network: a ViT.
        images: (B, 3, side, side) of the size that it is for.
    """
    attentions = _attentions(network, images)
    itself = torch.eye(attentions[0].shape[1], device=images.device)
    flow = itself.expand_as(attentions[0])
    for one in attentions:
        flow = (one + itself) / 2 @ flow
    return _explained(flow[:, 0, 1:])


def _explained(patches: Tensor) -> Explanation:
    side = math.isqrt(patches.shape[1])
    return Explanation(method="attention", maps=patches.reshape(-1, side, side))


@torch.no_grad()
def _attentions(network: VisionTransformer, images: Tensor) -> list[Tensor]:
    """(B, 1 + P, 1 + P) per block, the mean over its heads; rows sum to 1."""
    was_training = network.training
    with _heard(network.eval()) as heard:
        network(images)
    network.train(was_training)
    return heard


@contextmanager
def _heard(network: nn.Module) -> Iterator[list[Tensor]]:
    """Weights of all attentions of a pass; torchvision asks for none of them."""
    heard: list[Tensor] = []

    def ask(_module: nn.Module, inputs: Any, options: Mapping[str, Any]) -> Any:
        return inputs, {**options, "need_weights": True, "average_attn_weights": True}

    def hear(_module: nn.Module, _inputs: Any, outputs: tuple[Tensor, Tensor]) -> None:
        heard.append(outputs[1])

    hooks = []
    for part in network.modules():
        if isinstance(part, nn.MultiheadAttention):
            hooks.append(part.register_forward_pre_hook(ask, with_kwargs=True))
            hooks.append(part.register_forward_hook(hear))
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()
