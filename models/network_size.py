"""The two sizes in which the baselines are built. Imports no torch."""

from __future__ import annotations

from typing import Literal, TypeAlias

Size: TypeAlias = Literal["paper", "small"]
"""As published, for GPUs; or on the feature extraction of `tnet_small`, for CPUs."""
