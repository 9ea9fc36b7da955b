"""Where networks run, and how many images they get right."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from actors.small_images.batches import batches_of
from models.small_images.network import WholeImageNetwork
from pipeline.benchmarks.small_images.dataset import LabelledImages


def classified_rightly(
    network: WholeImageNetwork, images: LabelledImages, batch_size: int
) -> NDArray[np.bool_]:
    """(N,) whether each is, in evaluation mode."""
    network.eval()
    right = []
    with torch.inference_mode():
        for batch in batches_of(images, batch_size, chosen_device()):
            found = network.log_probs(batch.images).argmax(dim=1) == batch.labels
            right.append(found.cpu().numpy())
    return np.concatenate(right)


def chosen_device() -> torch.device:
    """A GPU, if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def on_device(network: WholeImageNetwork) -> WholeImageNetwork:
    """There, laid out as convolutions like it."""
    there = network.to(chosen_device())
    return there.to(memory_format=torch.channels_last)
