"""CAM and Grad-CAM inside the windows of a TNet."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.build import build_model
from models.errors import ModelError
from models.explanations.windows import window_cam, window_grad_cam
from models.tnet import TNet


def network_of(name: str) -> TNet:
    """With random weights, three classes."""
    return build_model(name, num_classes=3, seed=1).eval()


def windows(side: int, count: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels, places and classes."""
    images = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([[0, 0, 0], [3, 1, 1], [9, 7, 2]])[:count]
    return images, positions, torch.tensor([2, 0, 1])[:count]


def look_logits(network: TNet, images: Tensor, positions: Tensor) -> Tensor:
    """(B, K) of each look by itself, above the mean of all classes."""
    with torch.no_grad():
        features = network.look(images, positions).features
        logits: Tensor = network.aggregation.classification(features)
        return logits - logits.mean(dim=1, keepdim=True)


class TestCam:
    def test_is_maps_times_weights(self) -> None:
        """Without a positional encoding: the last maps, weighed by the class' row of the head less the mean row."""
        network = network_of("efficientnet_b0")
        images, positions, classes = windows(64)
        with torch.no_grad():
            maps = network.feature_extraction.stages((images - 0.5) / 0.5)  # type: ignore[operator]  # parts of a Module are untyped
            [linear] = [
                part
                for part in network.aggregation.classification.modules()
                if isinstance(part, torch.nn.Linear)
            ]
            rows = linear.weight - linear.weight.mean(dim=0)
            expected = torch.stack(
                [(rows[k][:, None, None] * maps[i]).sum(dim=0) for i, k in enumerate(classes)]
            )
        found = window_cam(network, images, positions, classes)

        torch.testing.assert_close(found.maps, expected, rtol=1e-4, atol=1e-5)

    def test_adds_up_to_the_look_through_a_linear_encoding(self) -> None:
        """The mean over a map and what an empty map would give make the look's own logit."""
        network = network_of("tnet_imagenet")
        images, positions, classes = windows(77)
        found = window_cam(network, images, positions, classes)
        with torch.no_grad():
            nothing = network.positional_encoding(torch.zeros(2, 512), positions)  # type: ignore[misc]  # parts of a Module are untyped
            rest = network.aggregation.classification(nothing)
            rest = rest - rest.mean(dim=1, keepdim=True)
        at = torch.arange(2)
        expected = look_logits(network, images, positions)[at, classes] - rest[at, classes]

        torch.testing.assert_close(found.maps.mean(dim=(1, 2)), expected, rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize(
        ("name", "side", "reason"),
        [("tnet_small", 96, "not the mean over a map"), ("tnet_fmow", 224, "not linear")],
    )
    def test_is_refused_where_it_would_not_be_exact(
        self, name: str, side: int, reason: str
    ) -> None:
        """The error says why, and what to use."""
        with pytest.raises(ModelError, match=f"{reason}.*Grad-CAM"):
            window_cam(network_of(name), *windows(side))


class TestGradCam:
    @pytest.mark.parametrize(("name", "side"), [("tnet_small", 96), ("tnet_fmow", 224)])
    def test_each_window_from_0_to_1(self, name: str, side: int) -> None:
        """Of any network, in the size of the window; the network is left as it was."""
        network = network_of(name)
        images, positions, classes = windows(side)
        before = look_logits(network, images, positions)
        found = window_grad_cam(network, images, positions, classes).maps

        assert found.shape == (2, side, side)
        assert (found.amin(dim=(1, 2)) >= 0).all()
        assert (found.amax(dim=(1, 2)) <= 1).all()
        assert found.std() > 0
        assert torch.equal(look_logits(network, images, positions), before)
        assert all(parameter.grad is None for parameter in network.parameters())

    def test_is_the_positive_part_of_an_exact_cam(self) -> None:
        """Where CAM is exact, gradients are its weights: the same places stand out."""
        network = network_of("efficientnet_b0")
        images, positions, classes = windows(64)
        cam = window_cam(network, images, positions, classes).maps
        found = window_grad_cam(network, images, positions, classes).maps
        for one, other in zip(cam, found, strict=True):
            row, col = divmod(int(one.argmax()), one.shape[1])
            y, x = divmod(int(other.argmax()), other.shape[1])
            scale = other.shape[0] / one.shape[0]

            assert abs(y / scale - row - 0.5) <= 1
            assert abs(x / scale - col - 0.5) <= 1
