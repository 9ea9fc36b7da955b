"""How training varies an image: one draw per image, so that all its windows belong together.

The list is that of the authors' input code: a random crop, a horizontal flip, and brightness, saturation, hue and
contrast in one of five orders, the fifth being none. Its random resize kernels are left out: our windows
are area means on purpose, anything else loses small objects.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.images.region import Region

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the internet for its version

Change: TypeAlias = Literal["brightness", "saturation", "hue", "contrast"]
ORDERS: tuple[tuple[Change, ...], ...] = (
    ("brightness", "saturation", "hue", "contrast"),
    ("saturation", "brightness", "contrast", "hue"),
    ("contrast", "hue", "brightness", "saturation"),
    ("hue", "saturation", "contrast", "brightness"),
    (),
)
"""In which photometric changes follow each other; each image draws one."""
_CROP_ATTEMPTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationConfig:
    """What is varied; by default nothing. The paper's values stand behind each."""

    crop_area: tuple[float, float] | None = None
    """Share of the image's area that a crop keeps, least and most; (0.85, 1.0)."""
    crop_aspect: tuple[float, float] = (1.0, 1.0)
    """Width by height of a crop, least and most; (0.5, 2.0)."""
    flip: bool = False
    """Half of the images are mirrored left to right; true."""
    brightness: float = 0.0
    """Largest value added or taken away, on a scale of 0 to 1; 32 / 255."""
    contrast: tuple[float, float] = (1.0, 1.0)
    """Factor of the distance from the window's mean, least and most; (0.5, 1.5)."""
    saturation: tuple[float, float] = (1.0, 1.0)
    """Factor of the distance from gray, least and most; (0.5, 1.5). Three bands only."""
    hue: float = 0.0
    """Largest turn of the colour circle, as a share of it; 0.2. Three bands only."""

    def __post_init__(self) -> None:
        for name in ("crop_area", "crop_aspect", "contrast", "saturation"):
            value = getattr(self, name)
            if value is not None and not 0 < value[0] <= value[1]:
                raise ConfigError(f"augmentation.{name} is {list(value)}; least and most, above 0")
        if self.crop_area is not None and self.crop_area[1] > 1:
            raise ConfigError(f"augmentation.crop_area is {list(self.crop_area)}; at most 1")
        for name, most in (("brightness", 1.0), ("hue", 0.5)):
            if not 0 <= getattr(self, name) <= most:
                raise ConfigError(f"augmentation.{name} is {getattr(self, name)}; 0 to {most}")

    @property
    def moves(self) -> bool:
        """Whether it changes where things are; needs a walk that starts with the whole image."""
        return self.flip or self.crop_area is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """One draw, for all windows of one image."""

    crop: Region | None = None
    """Level-0 pixels that stand for the whole image; None: all."""
    is_mirrored: bool = False
    """Whether left and right change places."""
    order: tuple[Change, ...] = ()
    """Photometric changes, first to last."""
    brightness: float = 0.0
    """Added to all values."""
    contrast: float = 1.0
    """Factor of the distance from the window's mean."""
    saturation: float = 1.0
    """Factor of the distance from gray."""
    hue: float = 0.0
    """Turn of the colour circle."""

    def vary(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """A window (C, base, base), values 0 to 1, as training sees it."""
        if self.is_mirrored:
            pixels = np.ascontiguousarray(pixels[:, :, ::-1])
        if not self.order:
            return pixels
        image = np.ascontiguousarray(np.moveaxis(pixels, 0, 2))  # (base, base, C)
        for change in self.order:
            image = self._changed(image, change)
        return np.ascontiguousarray(np.moveaxis(image, 2, 0))

    def unmirrored(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """(G,) scores of cells as the network saw them, to the order in which they lie in the image."""
        if not self.is_mirrored:
            return cells
        n = round(len(cells) ** 0.5)
        return np.ascontiguousarray(cells.reshape(n, n)[:, ::-1]).ravel()

    def _changed(self, image: NDArray[np.float32], change: Change) -> NDArray[np.float32]:
        # Not above: loading it takes four seconds, and only augmentation needs it.
        from albumentations.augmentations.pixel import functional

        if change == "brightness":
            changed = image + np.float32(self.brightness)
        elif change == "contrast":
            changed = functional.adjust_contrast_torchvision(image, self.contrast)
        elif image.shape[2] != 3:
            return image
        elif change == "saturation":
            changed = functional.adjust_saturation_torchvision(image, self.saturation)
        else:
            changed = functional.adjust_hue_torchvision(image, self.hue)
        clipped: NDArray[np.float32] = np.clip(changed, 0.0, 1.0).astype(np.float32, copy=False)
        return clipped.reshape(image.shape)


NO_AUGMENTATION = Augmentation()
"""Windows as they are."""


def draw_augmentation(
    config: AugmentationConfig, rng: np.random.Generator, height: int, width: int
) -> Augmentation:
    """One draw for an image of `height` x `width` level-0 pixels."""
    return Augmentation(
        crop=_draw_crop(config, rng, height, width),
        is_mirrored=config.flip and bool(rng.random() < 0.5),
        order=_draw_order(config, rng),
        brightness=float(rng.uniform(-config.brightness, config.brightness)),
        contrast=float(rng.uniform(*config.contrast)),
        saturation=float(rng.uniform(*config.saturation)),
        hue=float(rng.uniform(-config.hue, config.hue)),
    )


def _draw_order(config: AugmentationConfig, rng: np.random.Generator) -> tuple[Change, ...]:
    order = ORDERS[int(rng.integers(len(ORDERS)))]
    is_on = {
        "brightness": config.brightness > 0,
        "contrast": config.contrast != (1.0, 1.0),
        "saturation": config.saturation != (1.0, 1.0),
        "hue": config.hue > 0,
    }
    return tuple(change for change in order if is_on[change])


def _draw_crop(
    config: AugmentationConfig, rng: np.random.Generator, height: int, width: int
) -> Region | None:
    """A box of random area and aspect that fits; the whole image when none of 50 does."""
    if config.crop_area is None:
        return None
    for _ in range(_CROP_ATTEMPTS):
        area = rng.uniform(*config.crop_area) * height * width
        aspect = rng.uniform(*config.crop_aspect)
        rows, cols = round((area / aspect) ** 0.5), round((area * aspect) ** 0.5)
        if rows <= height and cols <= width:
            y, x = rng.integers(height - rows + 1), rng.integers(width - cols + 1)
            return Region(int(y), int(x), rows, cols)
    return None
