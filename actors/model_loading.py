"""From a model directory to a network that runs: on the GPU if there is one, with batches that suit it."""

from __future__ import annotations

import numpy as np
import torch

from actors.gpu_memory import fitting_batch_size
from actors.model_directory import WEIGHTS, ModelDirectory
from actors.model_runner import ModelRunner
from models.build import assemble
from models.folding import fold_norms
from models.tnet import TNet
from models.weights import load_weights
from pipeline.images.input_spec import InputSpec
from pipeline.walk.glimpse import Position

CPU_BATCH_SIZE = 4
"""More is slower: EfficientNet-B0 at 224 px takes 6.5 ms a look at 4, 12 ms at 8, 17 ms at 16 (2 cores)."""


def load_runner(
    model: ModelDirectory,
    *,
    batch_size: int | None = None,
    num_threads: int = 1,
    gpu_share: float = 1.0,
) -> ModelRunner:
    """Build the network of a model directory, load its weights, put it on the GPU if there is one.

    Args:
        model: what to load.
        batch_size: windows of every call; None: what suits the device.
        num_threads: processors, on a CPU.
        gpu_share: of the GPU's memory that is this process's.

    Raises:
        WeightsError: if the weights do not fit the network.
        ModelError: if the GPU's memory does not suffice.
    """
    config, has_gpu = model.config, torch.cuda.is_available()
    network = network_of(model).eval()
    fold_norms(network)
    runner = ModelRunner(
        network,
        num_classes=len(config.class_names),
        device=torch.device("cuda" if has_gpu else "cpu"),
        batch_size=batch_size or CPU_BATCH_SIZE,
        num_threads=num_threads,
        temperature=config.temperature,
        precision=config.precision,
    )
    if has_gpu and batch_size is None:
        _fill_gpu(runner, config.input, gpu_share)
    return runner


def _fill_gpu(runner: ModelRunner, spec: InputSpec, share: float) -> None:
    """Let it take as many windows at once as its share of the GPU holds."""
    torch.cuda.set_per_process_memory_fraction(min(share, 1.0), runner.device)
    window = np.zeros(spec.window_shape, np.float32)

    def run(size: int) -> None:
        runner.batch_size = size
        runner.look([window], [Position(0, 0, 0)])

    runner.batch_size = fitting_batch_size(
        run, runner.device, share=min(share, 1.0), num_lanes=runner.num_lanes
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
