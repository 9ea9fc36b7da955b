"""ViT (Dosovitskiy et al., 2021) in the sizes that the slides compare with, built of torchvision's."""

from __future__ import annotations

from typing import Literal

from torchvision.models import VisionTransformer

from models.errors import ModelError

VitKind = Literal["s16", "b16"]
PATCH_PX = 16
_SIZES = {"s16": (384, 6), "b16": (768, 12)}
"""Channels and heads; DeiT-S and DeiT-B have the same."""


def vision_transformer(
    kind: VitKind, num_classes: int = 1000, *, image_px: int = 224
) -> VisionTransformer:
    """A ViT with random weights.

    Args:
        kind: small or base, patches of 16 px.
        num_classes: K.
        image_px: side of its images; its positions are learned for one size.

    Raises:
        ModelError: if patches do not fill the side.
    """
    if image_px % PATCH_PX:
        raise ModelError(f"image_px is {image_px}; patches of {PATCH_PX} px must fill it")
    channels, heads = _SIZES[kind]
    return VisionTransformer(
        image_size=image_px,
        patch_size=PATCH_PX,
        num_layers=12,
        num_heads=heads,
        hidden_dim=channels,
        mlp_dim=4 * channels,
        num_classes=num_classes,
    )
