"""Augmentation by its law: one draw per image, in range, and each change against NumPy."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare
from skimage.color import hsv2rgb, rgb2hsv

from pipeline.errors import ConfigError
from pipeline.images.augmentation import (
    ORDERS,
    Augmentation,
    AugmentationConfig,
    draw_augmentation,
)

PAPER = AugmentationConfig(
    crop_area=(0.85, 1.0),
    crop_aspect=(0.5, 2.0),
    flip=True,
    brightness=32 / 255,
    contrast=(0.5, 1.5),
    saturation=(0.5, 1.5),
    hue=0.2,
)


def window(bands: int = 3) -> np.ndarray:
    """Random pixels, away from the ends of the scale."""
    return np.random.default_rng(0).uniform(0.3, 0.7, (bands, 16, 16)).astype(np.float32)


def draws(config: AugmentationConfig, count: int = 2000) -> list[Augmentation]:
    """Many draws for an image of 1000 x 800."""
    rng = np.random.default_rng(1)
    return [draw_augmentation(config, rng, 1000, 800) for _ in range(count)]


class TestDraws:
    def test_nothing_by_default(self) -> None:
        """Without options every draw is the window as it is."""
        for one in draws(AugmentationConfig(), 50):
            assert one.vary(window()) is not None
            np.testing.assert_array_equal(one.vary(window()), window())
            assert one.crop is None

    def test_crops_keep_area_and_shape_and_lie_inside(self) -> None:
        """85 to 100 % of the area, width by height from 0.5 to 2, inside the image, to a pixel."""
        crops = [one.crop for one in draws(PAPER) if one.crop is not None]

        assert len(crops) > 1500
        for crop in crops:
            assert 0.848 <= crop.area / 800_000 <= 1.0
            assert 0.5 <= crop.width / crop.height <= 2.0
            assert crop.y >= 0
            assert crop.x >= 0
            assert crop.bottom <= 1000
            assert crop.right <= 800

    def test_half_are_mirrored_and_all_orders_occur(self) -> None:
        """Flips are fair, and each of the five orders comes as often as any other."""
        found = draws(PAPER)
        mirrored = sum(one.is_mirrored for one in found)
        orders = Counter(one.order for one in found)

        assert chisquare([mirrored, len(found) - mirrored]).pvalue > 1e-3
        assert set(orders) == set(ORDERS)
        assert chisquare(list(orders.values())).pvalue > 1e-3

    def test_values_are_in_range(self) -> None:
        """Brightness, contrast, saturation and hue stay within what was asked for."""
        for one in draws(PAPER, 300):
            assert abs(one.brightness) <= 32 / 255
            assert 0.5 <= one.contrast <= 1.5
            assert 0.5 <= one.saturation <= 1.5
            assert abs(one.hue) <= 0.2


class TestChanges:
    def test_brightness_is_added(self) -> None:
        """Every value is raised by the same amount."""
        found = Augmentation(order=("brightness",), brightness=0.1).vary(window())

        np.testing.assert_allclose(found, window() + 0.1, atol=1e-6)

    def test_contrast_scales_about_the_mean(self) -> None:
        """A gray window's values move from their mean by the factor."""
        gray = window(1)
        found = Augmentation(order=("contrast",), contrast=1.5).vary(gray)

        np.testing.assert_allclose(found, gray.mean() + 1.5 * (gray - gray.mean()), atol=1e-5)

    def test_saturation_scales_about_gray(self) -> None:
        """Each colour moves from the pixel's luma by the factor (ITU-R BT.601)."""
        image = window()
        luma = np.tensordot([0.299, 0.587, 0.114], image, axes=1)
        found = Augmentation(order=("saturation",), saturation=0.5).vary(image)

        np.testing.assert_allclose(found, luma + 0.5 * (image - luma), atol=1e-3)

    def test_hue_turns_the_circle(self) -> None:
        """Hue moves by the share of the circle, saturation and value stay (scikit-image's HSV)."""
        image = window()
        hsv = rgb2hsv(np.moveaxis(image, 0, 2))
        hsv[..., 0] = (hsv[..., 0] + 0.2) % 1
        expected = np.moveaxis(hsv2rgb(hsv), 2, 0)

        found = Augmentation(order=("hue",), hue=0.2).vary(image)

        np.testing.assert_allclose(found, expected, atol=2e-3)

    def test_one_band_has_no_colour(self) -> None:
        """Saturation and hue leave a gray window alone."""
        found = Augmentation(order=("saturation", "hue"), saturation=0.5, hue=0.2).vary(window(1))

        np.testing.assert_array_equal(found, window(1))

    def test_values_stay_on_the_scale(self) -> None:
        """What leaves 0 to 1 is clipped, also between two changes."""
        found = Augmentation(order=("brightness", "contrast"), brightness=0.9, contrast=1.5).vary(
            window()
        )

        assert found.min() >= 0
        assert found.max() <= 1

    def test_mirrored_windows_and_their_cells(self) -> None:
        """Pixels change sides, and the scores of cells change back."""
        one = Augmentation(is_mirrored=True)

        np.testing.assert_array_equal(one.vary(window()), window()[:, :, ::-1])
        cells = np.arange(9, dtype=np.float32)
        assert one.unmirrored(cells).tolist() == [2, 1, 0, 5, 4, 3, 8, 7, 6]


class TestBadOptions:
    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ({"crop_area": (0.9, 0.5)}, "crop_area"),
            ({"crop_area": (0.5, 1.5)}, "at most 1"),
            ({"contrast": (0.0, 1.0)}, "contrast"),
            ({"brightness": 2.0}, "brightness is 2.0"),
            ({"hue": -0.1}, "hue is -0.1"),
        ],
    )
    def test_each_is_named(self, option: dict[str, Any], message: str) -> None:
        """A number out of range is refused by the name of its key."""
        with pytest.raises(ConfigError, match=message):
            AugmentationConfig(**option)
