"""Grad-CAM (Selvaraju et al., 2017), by the package grad-cam, an extra: `pip install 'foveate[explain]'`."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor, nn

from models.errors import ModelError
from models.explanations.explanation import Explanation


def grad_cam(
    network: nn.Module, layers: Sequence[nn.Module], images: Tensor, classes: Tensor
) -> Explanation:
    """Positions whose features raise a class' logit.

    Of several layers each is scaled to 0 to 1 and brought to the images' size before their mean is taken.

    Args:
        network: (B, C, H, W) to (B, K) logits, not probabilities. Its gradients are left as they were.
        layers: of the network; their outputs are (B, D, m, n).
        images: (B, C, H, W).
        classes: (B,) which class of each image.

    Raises:
        ModelError: if the package is not installed.
    """
    package = _package()
    targets = [package.utils.model_targets.ClassifierOutputTarget(int(one)) for one in classes]
    was_training = network.training
    gradients = [(parameter, parameter.grad) for parameter in network.parameters()]
    # As a context manager: its hooks would stay with the network for ever, and keep its maps.
    with package.GradCAM(model=network.eval(), target_layers=list(layers)) as method:
        found = method(input_tensor=images, targets=targets)  # (B, H, W)
    network.train(was_training)
    for parameter, gradient in gradients:
        parameter.grad = gradient
    return Explanation(method="grad_cam", maps=torch.from_numpy(found))


def _package() -> ModuleType:
    try:
        import pytorch_grad_cam  # not above: an optional extra, and slow to load
        import pytorch_grad_cam.utils.model_targets
    except ImportError as error:
        raise ModelError(
            f"Grad-CAM is computed by the package grad-cam, which is not installed ({error}); "
            "pip install 'foveate[explain]'"
        ) from error
    package: ModuleType = pytorch_grad_cam
    return package
