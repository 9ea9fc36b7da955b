"""The fused recurrence beside the diagonal one, on a processor: Triton's interpreter runs the kernels.

python -m tests.models.attention_rnn.interpreted B T M N

Prints the largest difference of states, that of gradients, and what the layer's own trial finds in inference mode. A
process of its own, for Triton decides when a kernel is defined whether it is interpreted.
"""

from __future__ import annotations

import os
import sys

os.environ["TRITON_INTERPRET"] = "1"

import torch

from models.attention_rnn.diagonal_lstm import DiagonalLSTM
from models.attention_rnn.fused import FUSED, FusedRecurrence
from models.attention_rnn.recurrence import Weights
from models.attention_rnn.trial import difference
from tests.models.attention_rnn.double_loop import double_loop


class FusedLSTM(DiagonalLSTM):
    """The layer, with nothing but the recurrence changed."""

    def _states(self, maps: torch.Tensor) -> torch.Tensor:
        weights = Weights(self.input, self.bias, self.left, self.above)
        states: torch.Tensor = FusedRecurrence.apply(maps, *weights)
        return states


def main(b: int, t: int, m: int, n: int) -> None:
    """Compare with two plain loops."""
    torch.manual_seed(b + t + m + n)
    layer = FusedLSTM(3, t)
    maps = torch.randn(b, 3, m, n, requires_grad=True)
    into = torch.randn(2, b, m, n, t)
    given = [maps, *layer.parameters()]
    found, wanted = torch.stack(layer(maps)), double_loop(layer, maps)
    grads = torch.autograd.grad((found * into).sum(), given)
    oracle = torch.autograd.grad((wanted * into).sum(), given, materialize_grads=True)
    of_states = float((found - wanted).abs().max())
    of_gradients = max(float((x - y).abs().max()) for x, y in zip(grads, oracle, strict=True))
    with torch.inference_mode():
        tried = difference(FUSED, torch.device("cpu"))
    sys.stdout.write(f"{of_states} {of_gradients} {tried}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
