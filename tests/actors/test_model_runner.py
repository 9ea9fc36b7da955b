"""The network behind the walk: batches, lanes and what it computes in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from actors.lane import Lane
from actors.model_directory import Precision
from actors.model_runner import ModelRunner
from models.architecture import ARCHITECTURES
from models.build import build_model
from pipeline.walk.glimpse import Position

NAMES = ["tnet_small", "tnet_fmow", "tnet_imagenet"]
CPU = torch.device("cpu")
PLACES = [Position(0, 0, 0), Position(1, 2, 1), Position(2, 5, 7)]
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")


def runner(
    name: str, *, precision: Precision = "float32", device: torch.device = CPU
) -> ModelRunner:
    """Of a network with random weights and two classes."""
    return ModelRunner(
        build_model(name, num_classes=2, seed=1),
        num_classes=2,
        device=device,
        batch_size=4,
        num_threads=2,
        precision=precision,
    )


def windows_of(name: str, count: int = 3) -> list[NDArray[np.float32]]:
    """Random ones."""
    side = ARCHITECTURES[name].base_px
    rng = np.random.default_rng(0)
    return list(rng.random((count, 3, side, side), np.float32))


class TestLane:
    def test_a_batch_is_what_was_given_and_zeros(self) -> None:
        """Windows channels last, places as y, x and depth, nothing left of the batch before."""
        lane = Lane(CPU, (3, 2, 5, 4))
        windows = list(np.random.default_rng(0).random((3, 2, 5, 4), np.float32))
        lane.send(windows, [Position(1, 2, 3)] * 3)

        images, places = lane.send(windows[:1], [Position(2, 7, 4)])

        assert images.shape == (3, 2, 5, 4)
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert np.array_equal(images[0].numpy(), windows[0])
        assert not images[1:].any()
        assert places.tolist() == [[7, 4, 2], [0, 0, 0], [0, 0, 0]]


class TestRunner:
    @pytest.mark.parametrize("name", NAMES)
    def test_it_says_what_the_network_says(self, name: str) -> None:
        """Asked directly, as one batch, the network gives the same features and cells."""
        model = build_model(name, num_classes=2, seed=1).eval()
        windows = windows_of(name)
        with torch.inference_mode():
            look = model.look(
                torch.from_numpy(np.stack(windows)),
                torch.tensor([(at.y, at.x, at.depth) for at in PLACES]),
            )
            kept = model.aggregation.keep(look.features, torch.zeros(3, 3, dtype=torch.int64))

        found = runner(name).look(windows, PLACES)

        for index, observation in enumerate(found):
            assert observation.kept == pytest.approx(kept[index].numpy(), abs=1e-5)
            assert observation.cell_log_probs == pytest.approx(
                look.cell_log_probs[index].numpy(), abs=1e-5
            )

    def test_lanes_do_not_mix(self) -> None:
        """Many threads at once get what one gets, to the last bit: each has buffers of its own."""
        asked = runner("tnet_small")
        windows = windows_of("tnet_small", 24)
        alone = [asked.look([window], [Position(0, 0, 0)])[0] for window in windows]

        with ThreadPoolExecutor(6) as threads:
            together = list(threads.map(lambda w: asked.look([w], [Position(0, 0, 0)])[0], windows))

        for one, other in zip(alone, together, strict=True):
            assert np.array_equal(one.kept, other.kept)
            assert np.array_equal(one.cell_log_probs, other.cell_log_probs)

    @pytest.mark.parametrize("name", NAMES)
    def test_bfloat16_is_nearly_the_same(self, name: str) -> None:
        """Layers in 8 bits move what is kept by a few per cent of its spread, and something must have moved."""
        exact = np.stack([one.kept for one in runner(name).look(windows_of(name), PLACES)])
        half = runner(name, precision="bfloat16").look(windows_of(name), PLACES)

        found = np.stack([one.kept for one in half])

        assert found.dtype == np.float32
        assert not np.array_equal(found, exact)
        assert np.abs(found - exact).max() < 0.1 * max(1.0, float(np.abs(exact).max()))

    @gpu
    @pytest.mark.parametrize("name", NAMES)
    def test_a_gpu_says_what_a_cpu_says(self, name: str) -> None:
        """In float32, without TF32, to rounding; from several lanes at once."""
        expected = runner(name).look(windows_of(name), PLACES)
        asked = runner(name, device=torch.device("cuda"))

        with ThreadPoolExecutor(asked.num_lanes) as threads:
            answers = list(threads.map(lambda _: asked.look(windows_of(name), PLACES), range(8)))

        for found in answers:
            for one, other in zip(found, expected, strict=True):
                assert one.kept == pytest.approx(other.kept, abs=1e-3)
