"""A fast way is used where it was tried and found right."""

from __future__ import annotations

import pytest
import torch

from models.attention_rnn import trial
from models.attention_rnn.fused import FUSED
from models.attention_rnn.recurrence import DiagonalRecurrence, Weights
from models.attention_rnn.trial import Way, works
from models.attention_rnn.wavefront import wavefront

CPU = torch.device("cpu")


def ordinary(maps: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    """The ordinary way itself."""
    front = wavefront(maps.shape[1], maps.shape[2], maps.device)
    states: torch.Tensor = DiagonalRecurrence.apply(maps, *weights, front)
    return states


def with_a_wrong_bias(maps: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    """Something else."""
    wrong = Weights(*weights)
    return ordinary(maps, *wrong._replace(bias=wrong.bias + 0.1))


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    trial.works.cache_clear()


def test_a_right_way_is_taken() -> None:
    """Nothing is said of a way that gives the same."""
    assert works(Way(name="same", channels=4, states=ordinary), CPU)


def test_a_way_that_errs_is_left_alone() -> None:
    """One that computes something else is as good as none, and a warning says by how much."""
    with pytest.warns(
        UserWarning, match=r"diagonal by diagonal on cpu, the odd one .* differs by 0"
    ):
        assert not works(Way(name="odd one", channels=4, states=with_a_wrong_bias), CPU)


def test_a_way_that_fails_is_told_of_once() -> None:
    """Where Triton cannot run a kernel, as on a processor, one warning says so and the answer is no."""
    with pytest.warns(UserWarning, match="on cpu, the fused kernel cannot be used: "):
        assert not works(FUSED, CPU)
    assert not works(FUSED, CPU)  # a second warning would be an error
