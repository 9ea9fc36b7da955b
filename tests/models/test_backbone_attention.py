"""Attention drops into torchvision's backbones by name."""

from __future__ import annotations

import pytest
import torch
import torchvision

from models.backbone_attention import ATTENTIONS, attend
from models.errors import ModelError


class TestBackbones:
    @pytest.mark.parametrize("attention", ATTENTIONS)
    @pytest.mark.parametrize(
        ("name", "sites"),
        [
            ("resnet18", ["layer1", "layer3.1"]),
            ("vgg11", ["features.10"]),
            ("mobilenet_v3_small", ["features.4"]),
            ("densenet121", ["features.denseblock1"]),
            ("efficientnet_b0", ["features.3"]),
        ],
    )
    def test_any_backbone_takes_it(self, attention: str, name: str, sites: list[str]) -> None:
        """The network still gives its classes, keeps its own weights, and the attention learns."""
        backbone = torchvision.models.get_model(name, num_classes=7)
        own = {key: value.clone() for key, value in backbone.state_dict().items()}
        attended = attend(backbone, attention, sites)
        logits = attended(torch.rand(2, 3, 64, 64))
        logits.sum().backward()
        kept = attended.state_dict()
        new = [part for key, part in attended.named_parameters() if ".1." in key and key not in own]

        assert logits.shape == (2, 7)
        assert len(kept) > len(own)
        assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in new)
        unchanged = [key for key in own if key in kept]
        assert all(kept[key].shape == own[key].shape for key in unchanged)

    def test_wrong_names_are_refused(self) -> None:
        """A layer that is not there, one that gives no map, an attention of another name."""
        backbone = torchvision.models.resnet18(num_classes=3)
        with pytest.raises(ModelError, match="no layer 'layr1'; is 'layer1' meant"):
            attend(backbone, "cbam", ["layr1"])
        with pytest.raises(ModelError, match="layer 'fc' gives"):
            attend(backbone, "cbam", ["fc"])
        with pytest.raises(ModelError, match="one of progressive, cbam"):
            attend(backbone, "cbm", ["layer1"])
