"""What a model wants to be shown, and whether an image can show it. Never a guess.

The spec is the `input` section of a model's config.json; `fit_bands` holds it against one image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.errors import ConfigError, ImageMismatchError
from pipeline.images.pyramid import PixelSize, Pyramid

RGB = ("red", "green", "blue")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """The pixels that a model was made for."""

    base_px: int
    """Side of the square window that the network sees, in window pixels."""
    bands: str | tuple[int | str, ...] = "rgb"
    """`rgb`; `luminance` (gray as it is, RGB by luma); or band indices (from 0) and names, in the model's order."""
    value_ranges: Mapping[str, tuple[float, float]] = field(
        default_factory=lambda: {"uint8": (0.0, 255.0)}
    )
    """Per stored dtype that the model accepts, the values that become 0.0 and 1.0; beyond them is clipped."""
    background: float = 0.5
    """Value (0 to 1) shown where there are no pixels: outside the image, no data."""
    pixel_size_um: float | None = None
    """Micrometres per pixel of the finest look; None walks to level 0 whatever its pixel size."""
    pixel_size_m: float | None = None
    """The same in metres, for satellite images."""

    def __post_init__(self) -> None:
        if self.base_px < 1:
            raise ConfigError(f"input.base_px is {self.base_px}; it must be at least 1")
        if isinstance(self.bands, str) and self.bands not in ("rgb", "luminance"):
            raise ConfigError(
                f"input.bands is {self.bands!r}; it must be 'rgb', 'luminance', "
                "or a list of band indices and names"
            )
        if any(isinstance(band, int) and band < 0 for band in self.bands):
            raise ConfigError(
                f"input.bands is {list(self.bands)}; band indices count from 0 and cannot be negative"
            )
        if self.pixel_size_um is not None and self.pixel_size_m is not None:
            raise ConfigError("input.pixel_size_um and input.pixel_size_m: give one, not both")
        if not 0.0 <= self.background <= 1.0:
            raise ConfigError(f"input.background is {self.background}; it must be from 0 to 1")

    @property
    def num_bands(self) -> int:
        """Bands of a window."""
        if isinstance(self.bands, str):
            return {"rgb": 3, "luminance": 1}[self.bands]
        return len(self.bands)

    @property
    def window_shape(self) -> tuple[int, int, int]:
        """(C, base, base) of a window."""
        return self.num_bands, self.base_px, self.base_px


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFit:
    """How the stored bands of one image become the bands of a window."""

    indices: tuple[int, ...]
    """Stored bands to take, in order."""
    is_mixed: bool
    """True: the three taken bands are mixed to one by luma."""
    alpha: int | None
    """Stored band that says where pixels are valid (above 0), or None."""
    low: float
    """Stored value that becomes 0.0."""
    high: float
    """Stored value that becomes 1.0."""

    @property
    def num_bands(self) -> int:
        """C of a window."""
        return 1 if self.is_mixed else len(self.indices)


def fit_bands(spec: InputSpec, pyramid: Pyramid) -> BandFit:
    """How to show this image to this model.

    Raises:
        ImageMismatchError: if the image lacks the bands or has another dtype.
    """
    if pyramid.dtype not in spec.value_ranges:
        wanted = ", ".join(spec.value_ranges)
        raise ImageMismatchError(
            f"{pyramid.uri}: samples are {pyramid.dtype}, the model takes {wanted}; add "
            f"'{pyramid.dtype}': [low, high] to input.value_ranges in the model's config.json, "
            "or convert the image"
        )
    low, high = spec.value_ranges[pyramid.dtype]
    indices = _band_indices(spec, pyramid)
    return BandFit(
        indices=indices,
        is_mixed=spec.bands == "luminance" and len(indices) == 3,
        alpha=pyramid.bands.index("alpha") if "alpha" in pyramid.bands else None,
        low=low,
        high=high,
    )


def _band_indices(spec: InputSpec, pyramid: Pyramid) -> tuple[int, ...]:
    names = pyramid.bands
    if not isinstance(spec.bands, str):
        return tuple(_one_band(band, pyramid) for band in spec.bands)
    if spec.bands == "luminance" and "gray" in names:
        return (names.index("gray"),)
    if all(color in names for color in RGB):
        return tuple(names.index(color) for color in RGB)
    wanted = "red, green, blue" if spec.bands == "rgb" else "gray, or red, green, blue"
    raise ImageMismatchError(
        f"{pyramid.uri}: bands are {_listed(names)}, the model takes {wanted}; "
        "give a model whose config.json lists the bands to take (input.bands, e.g. [0, 1, 2])"
    )


def _one_band(band: int | str, pyramid: Pyramid) -> int:
    if isinstance(band, str) and band in pyramid.bands:
        return pyramid.bands.index(band)
    if isinstance(band, int) and 0 <= band < len(pyramid.bands):
        return band
    raise ImageMismatchError(
        f"{pyramid.uri}: there is no band {band!r}; found {len(pyramid.bands)}: "
        f"{_listed(pyramid.bands)}. Change input.bands in the model's config.json"
    )


def finest_side(spec: InputSpec, pyramid: Pyramid) -> tuple[int, int]:
    """Height and width, in level-0 pixels, of the finest window that the model wants.

    Raises:
        ImageMismatchError: if the model wants a pixel size and the image has none, one of another
            unit, or one that is coarser than wanted by more than 5 %.
    """
    wanted = spec.pixel_size_um if spec.pixel_size_um is not None else spec.pixel_size_m
    if wanted is None:
        return spec.base_px, spec.base_px
    unit = "um" if spec.pixel_size_um is not None else "m"
    found = _pixel_size(pyramid, wanted, unit)
    if max(found.y, found.x) > 1.05 * wanted:
        raise ImageMismatchError(
            f"{pyramid.uri}: a pixel is {found.y:g} x {found.x:g} {unit}, the model looks at "
            f"{wanted:g} {unit} per pixel; the image is too coarse for this model"
        )
    return (
        max(spec.base_px, round(spec.base_px * wanted / found.y)),
        max(spec.base_px, round(spec.base_px * wanted / found.x)),
    )


def _pixel_size(pyramid: Pyramid, wanted: float, unit: str) -> PixelSize:
    column = {"um": "mpp", "m": "pixel_size_m"}[unit]
    if pyramid.pixel_size is None:
        raise ImageMismatchError(
            f"{pyramid.uri}: the file has no pixel size, the model looks at {wanted:g} {unit} per "
            f"pixel; give it in the manifest, column '{column}'"
        )
    if pyramid.pixel_size.unit != unit:
        raise ImageMismatchError(
            f"{pyramid.uri}: the pixel size is in {pyramid.pixel_size.unit}, the model's in {unit}; "
            f"if the file is wrong, give the size in the manifest, column '{column}'"
        )
    return pyramid.pixel_size


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown}, ... ({len(names)} in all)"
