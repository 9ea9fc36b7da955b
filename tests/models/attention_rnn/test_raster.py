"""The compiled loops of processors give what two plain loops give."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.attention_rnn import diagonal_lstm, raster
from models.attention_rnn.diagonal_lstm import DiagonalLSTM
from models.attention_rnn.raster import RASTER, is_raster
from models.attention_rnn.trial import difference
from tests.models.attention_rnn.double_loop import double_loop

pytest.importorskip("numba", reason="Numba is not installed")

# The first map of a size is compiled for: seconds, or a minute where all else is slow.
pytestmark = pytest.mark.timeout(400)
ROOT = Path(__file__).parents[3]
FORKS = """
import os, torch
from models.attention_rnn.diagonal_lstm import DiagonalLSTM
layer, maps = DiagonalLSTM(3, 8), torch.rand(3, 3, 6, 7)
torch.set_num_threads(3)
with torch.no_grad():
    wanted = torch.stack(layer(maps))
    child = os.fork()
    found = torch.stack(layer(maps))
    if not child:
        os._exit(0 if torch.equal(found, wanted) else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
SHAPES = [(3, 5, 1), (5, 3, 2), (1, 4, 2), (4, 1, 1), (1, 1, 1), (17, 9, 3), (2, 24, 2)]


def case(m: int, n: int, b: int, *, c: int = 3, t: int = 8) -> tuple[DiagonalLSTM, Tensor]:
    """A layer that the compiled loops take, with biases, and maps."""
    torch.manual_seed(m * 100 + n)
    layer = DiagonalLSTM(c, t)
    maps = torch.randn(b, c, m, n, requires_grad=True)
    assert is_raster(maps.permute(0, 2, 3, 1), layer.left)
    return layer, maps


class TestRaster:
    @pytest.mark.parametrize(("m", "n", "b"), SHAPES)
    @pytest.mark.parametrize(("c", "t"), [(3, 8), (20, 16)])
    def test_it_equals_the_double_loop(self, m: int, n: int, b: int, c: int, t: int) -> None:
        """States and all gradients are those of the loop in double precision, to float32's rounding."""
        layer, maps = case(m, n, b, c=c, t=t)
        into = torch.randn(2, b, m, n, t)
        given = [maps, *layer.parameters()]

        found = torch.stack(layer(maps))
        grads = torch.autograd.grad((found * into).sum(), given)
        exact = DiagonalLSTM(c, t).double()
        exact.load_state_dict(layer.state_dict())
        doubles = maps.detach().double().requires_grad_()
        wanted = double_loop(exact, doubles)
        oracle = torch.autograd.grad(
            (wanted * into.double()).sum(), [doubles, *exact.parameters()], materialize_grads=True
        )

        assert torch.allclose(found.double(), wanted, rtol=0, atol=2e-6)
        for one, other in zip(grads, oracle, strict=True):
            assert torch.allclose(one.double(), other, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("threads", [1, 2, 5])
    def test_threads_change_nothing(self, threads: int) -> None:
        """To the last bit: a map and a direction belong to one thread, and sums over maps come after."""
        layer, maps = case(6, 7, 3)
        kept = torch.get_num_threads()
        found = []
        for count in (1, threads):
            torch.set_num_threads(count)
            states = torch.stack(layer(maps))
            found.append([states, *torch.autograd.grad(states.square().sum(), layer.parameters())])
        torch.set_num_threads(kept)

        for one, other in zip(*found, strict=True):
            assert torch.equal(one, other)

    def test_a_process_that_forks_off_has_threads_of_its_own(self) -> None:
        """A child of a process whose threads have worked computes the same, and does not wait for them."""
        done = subprocess.run(
            [sys.executable, "-c", FORKS], cwd=ROOT, timeout=100, check=False, capture_output=True
        )

        assert done.returncode == 0, done.stderr.decode()

    def test_large_sums_are_squashed(self) -> None:
        """Far out it is 1, for any number however large, and 5e-7 off at most everywhere."""
        kernels = importlib.import_module("models.attention_rnn.raster_kernels")
        x = np.concatenate([np.linspace(-20, 20, 20_001), [-1e30, 1e30]]).astype(np.float32)

        found = np.array([kernels.squash(one) for one in x])

        assert np.abs(found - np.tanh(x.astype(np.float64))).max() < 5e-7

    def test_what_is_no_number_is_seen_by_all_that_see_it(self) -> None:
        """A NaN or an infinity goes where it goes diagonal by diagonal: a training that bursts is seen to."""
        layer, maps = case(4, 5, 2)
        for wrong in (float("nan"), float("inf")):
            broken = maps.detach().clone()
            broken[0, 1, 1, 2] = wrong
            fast = torch.stack(layer(broken))
            exact = DiagonalLSTM(3, 8).double()
            exact.load_state_dict(layer.state_dict())

            assert torch.equal(fast.isnan(), torch.stack(exact(broken.double())).isnan())
            assert fast[:, 1].isfinite().all()
        [of_input, *_] = torch.autograd.grad(
            torch.stack(layer(broken * float("nan"))).sum(), list(layer.parameters())
        )
        assert of_input.isnan().any()

    def test_the_trial_finds_it_right(self) -> None:
        """As every process does before the first map."""
        assert difference(RASTER, torch.device("cpu")) < 1e-5

    def test_a_part_of_the_gradient_is_enough(self) -> None:
        """Maps without gradient and weights with one, and the other way round."""
        layer, maps = case(4, 5, 2)
        whole = torch.autograd.grad(
            torch.stack(layer(maps)).square().sum(), [maps, *layer.parameters()]
        )

        of_weights = torch.autograd.grad(
            torch.stack(layer(maps.detach())).square().sum(), list(layer.parameters())
        )
        layer.requires_grad_(requires_grad=False)
        [of_maps] = torch.autograd.grad(torch.stack(layer(maps)).square().sum(), [maps])

        for one, other in zip([of_maps, *of_weights], whole, strict=True):
            assert torch.equal(one, other)


class TestChoice:
    @pytest.mark.parametrize(
        ("c", "t", "kind"), [(3, 12, torch.float32), (3, 8, torch.float64), (3, 5, torch.float32)]
    )
    def test_other_maps_go_diagonal_by_diagonal(self, c: int, t: int, kind: torch.dtype) -> None:
        """Double precision, and channels that do not come in eights, are not for the compiled loops."""
        layer = DiagonalLSTM(c, t).to(kind)

        assert not is_raster(torch.rand(1, 4, 5, c, dtype=kind), layer.left)

    def test_it_is_what_the_layer_uses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A map that the loops take goes through them, and only through them."""
        layer, maps = case(4, 5, 2)
        for name in ("DiagonalRecurrence", "hidden_states"):
            monkeypatch.delattr(diagonal_lstm, name)

        layer(maps)
        with torch.no_grad():
            layer(maps)

    def test_without_numba_nothing_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is never required."""
        layer, maps = case(4, 5, 2)
        monkeypatch.setattr(raster, "_is_installed", lambda: False)

        assert not is_raster(maps.permute(0, 2, 3, 1), layer.left)
        assert torch.stack(layer(maps)).isfinite().all()

    def test_torch_compile_goes_diagonal_by_diagonal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """While torch.compile traces a network it meets nothing that it cannot look into."""
        layer, maps = case(4, 5, 2)
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)

        assert not is_raster(maps.permute(0, 2, 3, 1), layer.left)
