"""What samples are called and turned into, against tifffile's own view and arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pipeline.images.opening import open_source
from pipeline.images.tile import TileKey
from tests.conftest import picture


class TestMeaning:
    def test_palette_becomes_its_colours(self, tmp_path: Path) -> None:
        """Indices are looked up in the colour map, as tifffile's own RGB view does."""
        path = tmp_path / "palette.tif"
        colours = np.random.default_rng(0).integers(0, 2**16, (3, 256), dtype=np.uint16)
        indices = picture(50, 60, bands=1)[:, :, 0]
        tifffile.imwrite(path, indices, photometric="palette", colormap=colours, metadata=None)
        source = open_source(str(path))
        data = source.read_tile(TileKey(0, 0, 0)).data

        assert source.pyramid.bands == ("red", "green", "blue")
        with tifffile.TiffFile(path) as file:
            expected = file.pages[0].asrgb() >> 8
        np.testing.assert_array_equal(data, np.moveaxis(expected, 2, 0))

    def test_white_is_zero_is_turned_round(self, tmp_path: Path) -> None:
        """Where the file stores white as 0, bright pixels come out high."""
        path = tmp_path / "white.tif"
        stored = picture(40, 40, bands=1)[:, :, 0]
        tifffile.imwrite(path, stored, photometric="miniswhite", metadata=None)
        data = open_source(str(path)).read_tile(TileKey(0, 0, 0)).data

        np.testing.assert_array_equal(data, 255 - stored[None])

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (
                {"photometric": "rgb", "extrasamples": ["unassalpha"]},
                ("red", "green", "blue", "alpha"),
            ),
            ({"photometric": "separated"}, ("cyan", "magenta", "yellow", "black")),
            ({"photometric": "minisblack"}, ("band_0", "band_1", "band_2", "band_3")),
        ],
    )
    def test_bands_are_called_what_they_are(
        self, tmp_path: Path, options: dict[str, Any], expected: tuple[str, ...]
    ) -> None:
        """Four bands are not always a colour picture; the names say what they are."""
        path = tmp_path / "four.tif"
        planar = {"planarconfig": "contig"}
        tifffile.imwrite(path, picture(40, 40, bands=4), metadata=None, **planar, **options)

        assert open_source(str(path)).pyramid.bands == expected

    def test_one_bit_is_black_and_white(self, tmp_path: Path) -> None:
        """Single bits become 0 and 255."""
        path = tmp_path / "bits.tif"
        stored = picture(40, 40, bands=1)[:, :, 0] > 120
        tifffile.imwrite(path, stored, photometric="minisblack", metadata=None)
        source = open_source(str(path))

        assert source.pyramid.dtype == "uint8"
        expected = stored[None] * np.uint8(255)
        np.testing.assert_array_equal(source.read_tile(TileKey(0, 0, 0)).data, expected)

    @pytest.mark.parametrize(
        ("photometric", "expected"), [("minisblack", 7.0), ("miniswhite", 248.0), ("palette", None)]
    )
    def test_nodata_follows_the_samples(
        self, tmp_path: Path, photometric: str, expected: float | None
    ) -> None:
        """Where samples are turned round or looked up, so is the value that means "no data"."""
        path = tmp_path / "nodata.tif"
        colours = {"colormap": np.zeros((3, 256), np.uint16)} if photometric == "palette" else {}
        tags = [(42113, "s", 0, "7", True)]
        image = picture(40, 40, bands=1)[:, :, 0]
        tifffile.imwrite(
            path, image, photometric=photometric, metadata=None, extratags=tags, **colours
        )

        assert open_source(str(path)).pyramid.nodata == expected
