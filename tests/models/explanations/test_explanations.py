"""Explanations against each other and against arithmetic."""

from __future__ import annotations

import sys

import pytest
import torch
from skimage.filters import threshold_otsu
from torch import Tensor, nn
from torch.nn import functional as F

from models.adversarial import fast_gradient_sign
from models.errors import ModelError
from models.explanations.cam import class_activation_maps
from models.explanations.explanation import Explanation, attention_explanation, scaled
from models.explanations.grad_cam import grad_cam
from models.explanations.segmentation import jaccard, segmented


class Pooled(nn.Module):
    """A convolution, a mean and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)
        self.linear = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 4)."""
        logits: Tensor = self.linear(self.convolution(images).mean(dim=(2, 3)))
        return logits


class TestCam:
    def test_adds_up_to_the_logit(self) -> None:
        """The mean of a class' map is its logit without the bias."""
        network, images = Pooled(), torch.rand(5, 3, 9, 7)
        classes = torch.tensor([0, 3, 1, 2, 2])
        maps = network.convolution(images)
        found = class_activation_maps(maps, network.linear.weight, classes).maps
        logits = network(images)[torch.arange(5), classes] - network.linear.bias[classes]

        torch.testing.assert_close(found.mean(dim=(1, 2)), logits)


class TestGradCam:
    def test_is_cam_for_a_pooled_head(self) -> None:
        """Where the head is a mean and a linear layer the gradients are its weights over N: the same map, cut at 0."""
        network, images = Pooled(), torch.rand(3, 3, 16, 16)
        classes = torch.tensor([1, 0, 2])
        cam = class_activation_maps(network.convolution(images), network.linear.weight, classes)
        found = grad_cam(network, [network.convolution], images, classes)

        torch.testing.assert_close(found.maps, scaled(F.relu(cam.maps)).detach(), atol=1e-5, rtol=0)

    def test_leaves_the_network_as_it_was(self) -> None:
        """No hook, no gradient and no other mode stays behind."""
        network, images = Pooled().train(), torch.rand(2, 3, 8, 8)
        network.linear.weight.grad = torch.ones(4, 8)
        grad_cam(network, [network.convolution], images, torch.tensor([0, 1]))

        assert network.training
        assert not network.convolution._forward_hooks
        assert network.convolution.weight.grad is None
        assert torch.equal(network.linear.weight.grad, torch.ones(4, 8))

    def test_a_missing_package_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the extra the error says how to get it."""
        monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
        with pytest.raises(ModelError, match=r"pip install 'foveate\[explain\]'"):
            grad_cam(Pooled(), [], torch.rand(1, 3, 8, 8), torch.tensor([0]))


class TestAttention:
    def test_levels_of_one_size_are_multiplied(self) -> None:
        """Of two masks the root of the product; one mask is itself; a level that says nothing changes no order."""
        one, other = (torch.rand(2, 1, 4, 4) for _ in range(2))
        one, other = (mask / mask.sum(dim=(2, 3), keepdim=True) for mask in (one, other))

        torch.testing.assert_close(
            attention_explanation([one, other]).maps, (one * other).sqrt()[:, 0]
        )
        torch.testing.assert_close(attention_explanation([one]).maps, one[:, 0])
        flat = torch.full((2, 1, 2, 2), 0.25)
        order = attention_explanation([one, flat]).maps.flatten(1).argsort(dim=1)
        assert torch.equal(order, one.flatten(1).argsort(dim=1))

    def test_is_shown_from_0_to_1(self) -> None:
        """At any size, each image by itself; a flat map is dark."""
        maps = torch.stack([torch.rand(5, 5) + 3, torch.full((5, 5), 7.0)])
        shown = Explanation(method="attention", maps=maps).shown(20, 30)

        assert shown.shape == (2, 20, 30)
        assert (shown[0].min(), shown[0].max()) == (0, 1)
        assert not shown[1].any()


class TestSegmentation:
    def test_threshold_is_otsus(self) -> None:
        """As scikit-image finds it on the same steps of grey."""
        torch.manual_seed(0)
        maps = torch.rand(3, 24, 24) + 2 * (torch.rand(3, 24, 24) > 0.7)
        explanation = Explanation(method="attention", maps=maps)
        grey = (explanation.shown(24, 24) * 255).round().to(torch.uint8).numpy()
        expected = torch.stack([torch.from_numpy(one > threshold_otsu(one)) for one in grey])

        assert torch.equal(segmented(explanation, 24, 24), expected)

    def test_jaccard(self) -> None:
        """Shared over covered; nothing found of nothing is all of it."""
        one, other = torch.zeros(2, 4, 4, dtype=torch.bool), torch.zeros(2, 4, 4, dtype=torch.bool)
        one[0, :2], other[0, 1:3] = True, True

        assert jaccard(one, other).tolist() == [pytest.approx(1 / 3), 1.0]


class TestFastGradientSign:
    def test_steps_where_the_loss_grows(self) -> None:
        """Every value moves by the norm, in the direction of the finite difference of the loss, within 0 and 1."""
        network = Pooled().double()
        images = 0.2 + 0.6 * torch.rand(1, 3, 4, 4, dtype=torch.float64)
        labels = torch.tensor([2])

        def log_probs(asked: Tensor) -> Tensor:
            return F.log_softmax(network(asked), dim=1)

        found = fast_gradient_sign(log_probs, images, labels, norm=8 / 255)
        step = 1e-6 * torch.eye(48, dtype=torch.float64).view(48, 3, 4, 4)
        losses = [
            F.nll_loss(log_probs(images + sign * step), labels.expand(48), reduction="none")
            for sign in (1, -1)
        ]
        expected = (losses[0] - losses[1]).sign().view(images.shape)

        torch.testing.assert_close(found, images + 8 / 255 * expected)
        bright = fast_gradient_sign(log_probs, torch.ones_like(images), labels, norm=0.1)
        assert bright.max() <= 1
