"""A network on a device, as the walk sees it: windows in, observations out.

Every call runs the network on exactly `batch_size` windows, the rest is padding: kernels choose their order of
summation by shape, so only a constant shape makes an answer independent of what it was batched with.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from actors.model_directory import WEIGHTS, ModelDirectory
from models.build import assemble
from models.tnet import TNet
from models.weights import load_weights
from pipeline.walk.glimpse import Observation, Position

CPU_BATCH_SIZE = 4
"""More is slower: EfficientNet-B0 at 224 px takes 6.5 ms a look at 4, 12 ms at 8, 17 ms at 16 (2 cores)."""
GPU_BATCH_SIZE = 64


class ModelRunner:
    """Runs one network on one device. Safe to use from many threads; `num_lanes` calls of `look` at once pay.

    On a CPU each call takes one processor and as many calls run as there are processors: outside the main
    thread OpenMP's team sleeps between layers, and two processors in one call are no faster than one.
    """

    def __init__(
        self,
        model: TNet,
        *,
        num_classes: int,
        device: torch.device,
        batch_size: int,
        num_threads: int = 1,
        temperature: float = 1.0,
    ) -> None:
        self.batch_size = batch_size
        self.num_lanes = num_threads if device.type == "cpu" else 1
        self._lane = threading.local()
        self._num_classes = num_classes
        self._device = device
        self._temperature = temperature
        self._model: TNet = model.eval().to(device).to(memory_format=torch.channels_last)

    @property
    def network(self) -> TNet:
        """The network itself, for whoever asks it for more than looks; one thread at a time."""
        return self._model

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self._device

    @torch.inference_mode()
    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        """What the network says of at most `batch_size` windows, (C, base, base) with values 0 to 1."""
        self._settle_in()
        count = len(windows)
        batch = np.zeros((self.batch_size, *windows[0].shape), np.float32)  # (B, C, H, W)
        np.stack(windows, out=batch[:count])
        yxd = np.zeros((self.batch_size, 3), np.int64)
        yxd[:count] = [(at.y, at.x, at.depth) for at in positions]
        images = torch.from_numpy(batch).to(self._device, memory_format=torch.channels_last)
        yxd_there = torch.from_numpy(yxd).to(self._device)
        seen = self._model.look(images, yxd_there)
        kept = self._model.aggregation.keep(seen.features, yxd_there).cpu().numpy()  # (B, R)
        cells = seen.cell_log_probs.cpu().numpy()  # (B, G)
        levels = seen.level_logits.log_softmax(dim=1).cpu().numpy()  # (B, J)
        return [Observation(kept[i], cells[i], levels[i]) for i in range(count)]

    @torch.inference_mode()
    def score_roots(self, overviews: NDArray[np.float32]) -> NDArray[np.float32]:
        """(R, Q, C, p, p) overviews of an image's roots to (R, Q) log-probabilities of a look worth taking."""
        self._settle_in()
        logits = self._model.root_logits(torch.from_numpy(overviews).to(self._device))
        log_probs: NDArray[np.float32] = F.logsigmoid(logits).cpu().numpy()
        return log_probs

    @torch.inference_mode()
    def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """(L, R) kept of looks, in order, to (L, K) class probabilities after each of them."""
        rows = torch.from_numpy(kept).to(self._device)
        return self._tempered(self._model.aggregation.combine(rows))

    @torch.inference_mode()
    def alone(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """(L, R) kept of looks to (L, K) class probabilities of each of them by itself."""
        rows = torch.from_numpy(kept).to(self._device)
        own = self._model.aggregation.look_log_probs(rows, self._num_classes)
        return self._tempered(own.to(torch.float64).exp())

    def _tempered(self, probabilities: Tensor) -> NDArray[np.float64]:
        """(L, K) float64, as certain as the temperature lets them be."""
        combined = probabilities.cpu()
        if self._temperature != 1.0:
            tiny = torch.finfo(combined.dtype).tiny
            combined = (combined.clamp(min=tiny).log() / self._temperature).softmax(dim=1)
        tempered: NDArray[np.float64] = combined.numpy()
        return tempered

    def _settle_in(self) -> None:
        """One processor for the calls of this thread."""
        if not hasattr(self._lane, "is_set_up"):
            torch.set_num_threads(1)  # holds for this thread and those to come
            self._lane.is_set_up = True


def load_runner(
    model: ModelDirectory, *, batch_size: int | None = None, num_threads: int = 1
) -> ModelRunner:
    """Build the network of a model directory, load its weights, put it on the GPU if there is one.

    Raises:
        WeightsError: if the weights do not fit the network.
    """
    network = network_of(model)
    has_gpu = torch.cuda.is_available()
    default = GPU_BATCH_SIZE if has_gpu else CPU_BATCH_SIZE
    return ModelRunner(
        network,
        num_classes=len(model.config.class_names),
        device=torch.device("cuda" if has_gpu else "cpu"),
        batch_size=batch_size or default,
        num_threads=num_threads,
        temperature=model.config.temperature,
    )


def network_of(model: ModelDirectory) -> TNet:
    """The network of a model directory with its weights, on the CPU.

    Raises:
        WeightsError: if the weights do not fit the network.
    """
    config = model.config
    network = assemble(
        config.architecture,
        num_classes=len(config.class_names),
        num_bands=config.input.num_bands,
        network=config.network,
    )
    load_weights(network, model.weights, f"{model.place}/{WEIGHTS}")
    return network
