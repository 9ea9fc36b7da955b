"""Who described it: names of papers that more than one kind of entry is of. A paper of one kind stands there."""

from __future__ import annotations

ATTENTION_RNN = "AttentionRNN (2019)"
PATCH_CONV = "PatchConvNet (2021)"
UAN = "UAN (2019)"
