"""What a model wants, held against what an image has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.errors import ConfigError, ImageMismatchError
from pipeline.images.input_spec import InputSpec, finest_side, fit_bands
from pipeline.images.pyramid import PixelSize, Pyramid
from tests.array_source import ArraySource

RGB = ("red", "green", "blue")


def pyramid(
    bands: tuple[str, ...], *, dtype: str = "uint8", pixel_size: PixelSize | None = None
) -> Pyramid:
    """An image with these bands."""
    pixels = np.zeros((len(bands), 256, 256), dtype)
    return ArraySource([pixels], bands=bands, pixel_size=pixel_size, uri="a.tif").pyramid


class TestFitBands:
    @pytest.mark.parametrize(
        ("wanted", "bands", "indices"),
        [
            ("rgb", RGB, (0, 1, 2)),
            ("rgb", ("blue", "green", "red", "nir"), (2, 1, 0)),
            ("luminance", ("gray",), (0,)),
            ("luminance", ("gray", "alpha"), (0,)),
            ("luminance", RGB, (0, 1, 2)),
            ((3, 0), ("band_0", "band_1", "band_2", "band_3"), (3, 0)),
            (("CD3", "DAPI"), ("DAPI", "CD3"), (1, 0)),
        ],
    )
    def test_bands_are_found_by_what_they_are(
        self, wanted: Any, bands: tuple[str, ...], indices: tuple[int, ...]
    ) -> None:
        """Colours and names are found wherever they are stored; indices are taken as they stand."""
        assert fit_bands(InputSpec(base_px=64, bands=wanted), pyramid(bands)).indices == indices

    @pytest.mark.parametrize(
        ("wanted", "bands"),
        [
            ("rgb", ("gray",)),
            ("rgb", ("band_0", "band_1", "band_2")),
            ("rgb", ("cyan", "magenta", "yellow", "black")),
            ("luminance", ("band_0", "band_1")),
            ((5,), RGB),
            (("nir",), RGB),
        ],
    )
    def test_other_bands_are_never_guessed(self, wanted: Any, bands: tuple[str, ...]) -> None:
        """An image without the wanted bands is refused with what was found and what was wanted."""
        with pytest.raises(ImageMismatchError, match=bands[0]):
            fit_bands(InputSpec(base_px=64, bands=wanted), pyramid(bands))

    def test_other_dtypes_need_a_range(self) -> None:
        """16 bit samples have no meaning until the config says which values are 0 and 1."""
        image = pyramid(("gray",), dtype="uint16")
        with pytest.raises(ImageMismatchError, match="samples are uint16, the model takes uint8"):
            fit_bands(InputSpec(base_px=64, bands="luminance"), image)
        spec = InputSpec(base_px=64, bands="luminance", value_ranges={"uint16": (0, 10000)})

        assert fit_bands(spec, image).high == 10000


class TestFinestSide:
    def test_without_a_pixel_size_it_is_native(self) -> None:
        """A model without a pixel size looks at level 0."""
        assert finest_side(InputSpec(base_px=64), pyramid(RGB)) == (64, 64)

    def test_a_pixel_size_sets_the_finest_look(self) -> None:
        """A model for 0.5 um sees twice as many pixels of 0.25 um, in each direction by itself."""
        spec = InputSpec(base_px=64, pixel_size_um=0.5)
        size = PixelSize(0.25, 0.5, "um")

        assert finest_side(spec, pyramid(RGB, pixel_size=size)) == (128, 64)

    @pytest.mark.parametrize(
        ("size", "problem"),
        [
            (None, "column 'mpp'"),
            (PixelSize(1.0, 1.0, "um"), "too coarse"),
            (PixelSize(0.5, 0.5, "m"), "the pixel size is in m"),
        ],
    )
    def test_sizes_that_do_not_fit(self, size: PixelSize | None, problem: str) -> None:
        """A size that is missing, too coarse or of another kind is told with the way out."""
        with pytest.raises(ImageMismatchError, match=problem):
            finest_side(InputSpec(base_px=64, pixel_size_um=0.5), pyramid(RGB, pixel_size=size))


class TestInputSpec:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"base_px": 0},
            {"bands": "cmyk"},
            {"background": 2.0},
            {"pixel_size_um": 1.0, "pixel_size_m": 1.0},
        ],
    )
    def test_impossible_specs_are_refused(self, wrong: dict[str, Any]) -> None:
        """A config that cannot be meant names the key."""
        with pytest.raises(ConfigError, match=f"input.{next(iter(wrong))}"):
            InputSpec(**{"base_px": 64, **wrong})
