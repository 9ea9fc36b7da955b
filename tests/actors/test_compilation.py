"""A compiled network answers as the network itself does, on every lane alike, or says what is missing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from actors.model_directory import open_model
from actors.model_loading import load_runner
from actors.model_runner import ModelRunner
from pipeline.walk.glimpse import Observation, Position

DIGITS = open_model("digits")
SHAPE = DIGITS.config.input.window_shape
WINDOWS = list(np.random.default_rng(0).random((4, *SHAPE), np.float32))
PLACES = [Position(0, 0, 0), Position(1, 3, 4), Position(1, 0, 6), Position(2, 20, 30)]


@pytest.fixture(scope="module")
def runner() -> ModelRunner:
    """The shipped model, compiled."""
    found = load_runner(DIGITS, num_threads=2)
    found.compile(SHAPE)
    return found


def numbers(seen: Observation) -> list[float]:
    """All that a look came to."""
    return [*seen.kept.tolist(), *seen.cell_log_probs.tolist()]


class TestCompiled:
    def test_answers_are_the_networks(self, runner: ModelRunner) -> None:
        """Looks at three depths: the same numbers, to rounding."""
        expected = load_runner(DIGITS).look(WINDOWS, PLACES)

        for found, other in zip(runner.look(WINDOWS, PLACES), expected, strict=True):
            assert numbers(found) == pytest.approx(numbers(other), rel=1e-5, abs=1e-5)

    def test_every_lane_and_every_batch_say_the_same(self, runner: ModelRunner) -> None:
        """To the last bit, in two threads at once, with other windows beside it or none."""
        with ThreadPoolExecutor(2) as lanes:
            calls = [lanes.submit(runner.look, WINDOWS, PLACES) for _ in range(4)]
            seen = [[numbers(one) for one in call.result()] for call in calls]
        alone = [
            numbers(runner.look([window], [place])[0])
            for window, place in zip(WINDOWS, PLACES, strict=True)
        ]

        assert seen == [seen[0]] * 4
        assert alone == seen[0]

    def test_without_a_compiler_it_says_what_to_do(self, tmp_path: Path) -> None:
        """A process that finds no compiler and no code of an earlier one tells its user, without torch's insides."""
        script = (
            "from tests.actors.test_compilation import DIGITS, SHAPE, load_runner\n"
            "load_runner(DIGITS).compile(SHAPE)\n"
        )
        environment = {
            "PATH": str(tmp_path),
            "PYTHONPATH": str(Path.cwd()),
            "TORCHINDUCTOR_CACHE_DIR": str(tmp_path),
        }
        found = subprocess.run(
            [sys.executable, "-c", script],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )
        said = found.stderr.strip().splitlines()[-1]

        assert found.returncode == 1
        assert "ModelError: the network cannot be compiled on this machine" in said
        assert "install g++" in said
        assert "leave --compile out" in said
