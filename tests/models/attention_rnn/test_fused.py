"""The fused recurrence is the recurrence; its kernels run in Triton's interpreter, and compile for GPUs not at hand."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.attention_rnn import fused
from models.attention_rnn.diagonal_lstm import DiagonalLSTM

ROOT = Path(__file__).parents[3]
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="torch came without Triton"
)


def printed(module: str, *arguments: int, cache: Path | None = None) -> list[list[str]]:
    """Words of the lines that a module of these tests prints in a process of its own."""
    kept = {} if cache is None else {"TRITON_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-m", f"tests.models.attention_rnn.{module}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | kept,
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@needs_triton
class TestKernels:
    @pytest.mark.parametrize(
        ("b", "m", "n"), [(1, 1, 1), (2, 1, 5), (2, 6, 1), (1, 3, 8), (3, 8, 3), (1, 17, 4)]
    )
    def test_they_equal_the_double_loop(self, b: int, m: int, n: int) -> None:
        """States and all gradients are those of two plain loops, to float32's rounding; 17 rows take 32 lanes."""
        [[of_states, of_gradients, _]] = printed("interpreted", b, fused.CHANNELS, m, n)

        assert float(of_states) < 1e-5
        assert float(of_gradients) < 1e-4

    def test_the_trial_finds_them_right(self) -> None:
        """Even where the first map of a process comes in inference mode, as it does when a model only answers."""
        [[*_, tried]] = printed("interpreted", 1, fused.CHANNELS, 1, 1)

        assert 0 < float(tried) < 1e-5

    @pytest.mark.parametrize("capability", [75, 80, 90])
    def test_they_compile_for_gpus(self, capability: int, tmp_path: Path) -> None:
        """Turing, Ampere and Hopper: machine code that needs no more than 48 kB of shared memory."""
        made = printed("compiled", capability, cache=tmp_path)

        assert [name for name, *_ in made] == ["forward_kernel", "backward_kernel"]
        for _, size, shared in made:
            assert int(size) > 0
            assert int(shared) <= 48 * 1024


class TestChoice:
    def test_a_processor_has_no_use_for_them(self) -> None:
        """Without a GPU nothing is tried and nothing is said."""
        layer = DiagonalLSTM(3, fused.CHANNELS)

        assert not fused.is_fused(torch.rand(2, 4, 5, 3), layer.left)
