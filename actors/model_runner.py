"""A network on a device, as the walk sees it: windows in, observations out.

Every call runs the network on exactly `batch_size` windows, the rest is padding: kernels choose their order of
summation by shape, so only a constant shape makes an answer independent of what it was batched with.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from actors.compilation import Answers, compiled, not_compiled
from actors.lane import Lane, num_lanes
from actors.model_directory import Precision
from actors.precision import allow_tf32, use
from models.tnet import TNet
from pipeline.walk.glimpse import Observation, Position


class ModelRunner:
    """Runs one network on one device. Safe to use from many threads; `num_lanes` calls of `look` at once pay.

    Args:
        model: the network.
        num_classes: K.
        device: where it is to be.
        batch_size: windows of every call of the network.
        num_threads: processors, on a CPU.
        temperature: logits of the prediction are divided by it.
        precision: what it computes in.
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
        precision: Precision = "float32",
    ) -> None:
        self.batch_size = batch_size
        self.num_lanes = num_lanes(device, num_threads)
        self._own = threading.local()
        self._precision: Precision = precision
        self._num_classes = num_classes
        self._device = device
        self._temperature = temperature
        self._answers: Answers = self._computed
        self._model: TNet = model.eval().to(device).to(memory_format=torch.channels_last)
        if device.type == "cuda":
            allow_tf32(precision)
            torch.cuda.synchronize(
                device
            )  # lanes have streams of their own and do not wait for this one

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
        lane = self._lane(windows[0].shape)
        with lane.at_work(), use(self._precision, self._device):
            images, yxd = lane.send(windows, positions)
            kept, cells, levels = lane.fetch(*self._answers(images, yxd))
        return [Observation(kept[i], cells[i], levels[i]) for i in range(len(windows))]

    def _computed(self, images: Tensor, yxd: Tensor) -> tuple[Tensor, ...]:
        """(B, C, base, base) and (B, 3) to (B, R) kept, (B, G) cells and (B, J) levels."""
        seen = self._model.look(images, yxd)
        kept = self._model.aggregation.keep(seen.features, yxd)
        return kept, seen.cell_log_probs, seen.level_logits.log_softmax(dim=1)

    def compile(self, shape: tuple[int, int, int]) -> None:
        """Compile the network for windows of this shape, (C, base, base); looks wait for it.

        Raises:
            ModelError: if this machine cannot.
        """
        self._answers = compiled(self._computed, self._device)
        window = np.zeros(shape, np.float32)
        try:
            # In a thread, as all looks are: a lane says how many processors the code is for.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(self.look, [window], [Position(0, 0, 0)]).result()
        except Exception as error:
            raise not_compiled(error) from error

    @torch.inference_mode()
    def score_roots(self, overviews: NDArray[np.float32]) -> NDArray[np.float32]:
        """(R, Q, C, p, p) overviews of an image's roots to (R, Q) log-probabilities of a look worth taking."""
        if self._device.type == "cpu":
            torch.set_num_threads(1)  # for this thread; see `Lane`
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

    def _lane(self, shape: tuple[int, ...]) -> Lane:
        """Of this thread, for windows of this shape, (C, base, base)."""
        bands, height, width = shape
        key = (self.batch_size, bands, height, width)
        if getattr(self._own, "shape", None) != key:  # full-image baselines take any size
            self._own.shape, self._own.lane = key, Lane(self._device, key)
        lane: Lane = self._own.lane
        return lane
