"""What `foveate baseline-benchmark` is told, checked before anything is opened. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from models.dram.spacing import Spacing
from models.network_size import Size
from pipeline.errors import UsageError
from pipeline.images.input_spec import InputSpec

_STAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineConfig:
    """Everything that a result depends on, but for the images."""

    network: Literal["saccader", "dram"]
    """Which of the two."""
    size: Size
    """As published, or small."""
    epochs: int
    """Passes over the training split. Saccader's are dealt out to its three stages."""
    seed: int
    """Of weights, order and draws."""
    num_glimpses: int = 6
    """Locations per image (authors' configs)."""
    downsample: float = 1.0
    """Level-0 pixels per pixel, as Saccader sees an image."""
    glimpse_px: int = 96
    """Side of the windows that DRAM sees."""
    spacing: Spacing = "linear"
    """Of the resolutions of DRAM's glimpses."""
    sees_around: bool = False
    """Whether DRAM tells classes by all resolutions of a glimpse."""
    batch_size: int = 32
    """Images of a step."""
    learning_rate: float = 2e-3
    """Of Adam; it falls in a straight line from the middle of each stage on."""
    bands: str | tuple[int | str, ...] = "luminance"
    """As `input.bands` of a model."""
    background: float = 0.0
    """Value (0 to 1) outside the image; the network sees it as 0."""

    def __post_init__(self) -> None:
        if self.network == "saccader" and self.epochs < _STAGES:
            raise UsageError(
                f"--epochs {self.epochs}: Saccader learns in three stages; give at least 3"
            )
        for name in ("epochs", "num_glimpses", "glimpse_px", "batch_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; at least 1")
        if self.downsample < 1:
            raise UsageError(f"--downsample {self.downsample}: 1 (all pixels) or more")
        if self.learning_rate <= 0:
            raise UsageError(f"--learning-rate {self.learning_rate}: above 0")

    @property
    def stages(self) -> tuple[int, ...]:
        """Epochs of each stage."""
        if self.network == "dram":
            return (self.epochs,)
        first = max(1, self.epochs // 2)
        second = max(1, self.epochs // 5)
        return (first, second, self.epochs - first - second)

    @property
    def settings(self) -> dict[str, Any]:
        """By name, as a run notes them down."""
        return asdict(self)

    def input_spec(self) -> InputSpec:
        """What the network wants to be shown.

        Raises:
            ConfigError: if the bands or the background are not usable.
        """
        return InputSpec(base_px=self.glimpse_px, bands=self.bands, background=self.background)
