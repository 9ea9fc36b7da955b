"""What a ViT attends to, held against torch's attention written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer

from models.errors import ModelError
from models.explanations.transformer import attention_rollout, class_token_attention
from models.vision_transformer import vision_transformer

SIDE = 4


@pytest.fixture(scope="module")
def network() -> VisionTransformer:
    """Three blocks over 4 x 4 patches."""
    torch.manual_seed(0)
    return VisionTransformer(
        image_size=64, patch_size=16, num_layers=3, num_heads=2, hidden_dim=8, mlp_dim=16
    )


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Two of them."""
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def by_hand(network: VisionTransformer, images: torch.Tensor) -> list[torch.Tensor]:
    """(B, T, T) of each block: softmax of q k / sqrt(d) per head, then the mean."""
    tokens = network._process_input(images)
    tokens = torch.cat([network.class_token.expand(len(images), -1, -1), tokens], dim=1)
    tokens = tokens + network.encoder.pos_embedding
    found = []
    for block in network.encoder.layers:
        attention: nn.MultiheadAttention = block.self_attention
        normed = block.ln_1(tokens)
        q, k, _ = (normed @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, dim=2)
        q, k = (one.unflatten(2, (2, 4)).transpose(1, 2) for one in (q, k))  # (B, heads, T, d)
        found.append((q @ k.mT / 2).softmax(dim=3).mean(dim=1))
        tokens = block(tokens)
    return found


class TestAttention:
    def test_class_token_by_hand(self, network: VisionTransformer, images: torch.Tensor) -> None:
        """The map is the class token's row of the last block, without its own share."""
        network.eval()
        with torch.no_grad():
            expected = by_hand(network, images)[-1][:, 0, 1:].reshape(2, SIDE, SIDE)

        torch.testing.assert_close(class_token_attention(network, images).maps, expected)

    def test_rollout_by_hand(self, network: VisionTransformer, images: torch.Tensor) -> None:
        """It is the product of all blocks, the last first, each half of it the identity."""
        network.eval()
        with torch.no_grad():
            one, two, three = ((a + torch.eye(17)) / 2 for a in by_hand(network, images))
            expected = (three @ two @ one)[:, 0, 1:].reshape(2, SIDE, SIDE)

        torch.testing.assert_close(attention_rollout(network, images).maps, expected)

    def test_leaves_the_network_as_it_was(
        self, network: VisionTransformer, images: torch.Tensor
    ) -> None:
        """Neither hooks nor mode stay behind, and predictions are the same as before."""
        network.train()
        class_token_attention(network, images)
        assert network.training
        network.eval()
        before = network(images)
        class_token_attention(network, images)

        assert torch.equal(network(images), before)
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())


class TestSizes:
    @pytest.mark.parametrize(("kind", "count"), [("s16", 22_050_664), ("b16", 86_567_656)])
    def test_parameters(self, kind: str, count: int) -> None:
        """Counted block by block; 86,567,656 is what torchvision documents for ViT-B/16."""
        with torch.device("meta"):
            network = vision_transformer(kind)  # type: ignore[arg-type]  # a kind by name
        d = {"s16": 384, "b16": 768}[kind]
        # Blocks; patches 768 d + d, class token d, 197 positions d, last norm 2 d; head (d + 1) 1000.
        formula = 12 * (12 * d * d + 13 * d) + (769 + 1 + 197 + 2) * d + 1000 * (d + 1)

        assert sum(one.numel() for one in network.parameters()) == formula == count

    def test_patches_must_fill_the_image(self) -> None:
        """Another side is refused with what was wanted."""
        with pytest.raises(ModelError, match="patches of 16 px"):
            vision_transformer("s16", image_px=100)
