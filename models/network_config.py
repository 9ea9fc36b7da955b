"""Options of a network beyond its architecture: the `network` section of config.json. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.errors import ModelError

MAX_LEVELS = 3
"""Each level further down has n * n times the candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """What the paper leaves no choice in, and we do. The defaults are the paper."""

    location: Literal["own", "attention_rnn", "block_attention_rnn", "likeness"] = "own"
    """The architecture's own location module; AttentionRNN over the cells of a look; its block form; or how much a
    cell resembles an example (`foveate search`)."""
    root_scorer: Literal["none", "attention_rnn", "block_attention_rnn"] = "none"
    """What scores the roots of an image from an overview, for `walk.roots: scan`; `none`: the network cannot."""
    cell_scores: Literal["unit_softmax", "temperature_softmax", "independent"] = "unit_softmax"
    """Logits of unit length through a softmax (the paper); the same with a learned temperature; or every cell for
    itself, the log-probability that a look there tells something."""
    aggregation: Literal[
        "mean",
        "weighting",
        "evidence",
        "attention_pc",
        "attention_dp",
        "attention_gated",
        "class_token",
        "saol",
        "conv_lstm",
        "likeness",
    ] = "mean"
    """Mean feature (the paper); mean with learned weights; a clipped sum of log-odds; what other papers on attention
    pool with: see docs/models.md; or the look that is most like an example (`foveate search`)."""
    levels: int = 1
    """Depths below a look among which the network chooses where its next looks lie; 1: always the next one (TNet);
    more: UAN's choice of a layer, over the levels of the pyramid. What lies in between is not read."""
    num_depths: int = 3
    """Depths with parameters of their own, where a network has such; deeper looks use the last ones."""
    input_mean: float = 0.5
    """Value (0 to 1) that the network sees as 0. The background's, where images are mostly background: what is 0
    stays 0 through a convolution, whatever its weights do from step to step."""
    dropout: float | None = None
    """Rate before the classification module; None: the architecture's own."""

    def __post_init__(self) -> None:
        if self.num_depths < 1:
            raise ModelError(f"network.num_depths is {self.num_depths}; at least 1")
        if not 1 <= self.levels <= MAX_LEVELS:
            raise ModelError(f"network.levels is {self.levels}; from 1 to {MAX_LEVELS}")
        if not 0 <= self.input_mean <= 1:
            raise ModelError(f"network.input_mean is {self.input_mean}; from 0 to 1")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ModelError(f"network.dropout is {self.dropout}; from 0 to below 1")
        if (self.location == "likeness") != (self.aggregation == "likeness"):
            raise ModelError(
                f"network.location is {self.location!r}, network.aggregation {self.aggregation!r}; "
                "both are 'likeness' in a model that foveate search makes, or neither is"
            )

    @property
    def num_choices(self) -> int:
        """J, depths that the network chooses among; 0 where it does not."""
        return self.levels if self.levels > 1 else 0

    @property
    def is_of_example(self) -> bool:
        """Whether the network knows one example instead of classes; such a one is made, not trained."""
        return self.aggregation == "likeness"
