"""The size of a pixel, in each way that files say it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile

from pipeline.images.opening import open_source
from pipeline.images.pyramid import PixelSize
from tests.conftest import picture
from tests.image_files import write_pyramid_tiff


class TestPixelSize:
    def test_centimetres_of_a_scanner(self, tmp_path: Path) -> None:
        """Resolution tags in pixels per centimetre are a measurement when they are fine enough."""
        path = write_pyramid_tiff(
            tmp_path / "a.tif",
            [picture(64, 64)],
            photometric="rgb",
            resolution=(40000, 20000),
            resolutionunit="CENTIMETER",
        )

        assert open_source(str(path)).pyramid.pixel_size == PixelSize(0.5, 0.25, "um")

    def test_dots_per_inch_are_no_measurement(self, tmp_path: Path) -> None:
        """300 dpi says how to print, not what was measured."""
        path = write_pyramid_tiff(
            tmp_path / "a.tif",
            [picture(64, 64)],
            photometric="rgb",
            resolution=(300, 300),
            resolutionunit="INCH",
        )

        assert open_source(str(path)).pyramid.pixel_size is None

    def test_ome_xml_units(self, tmp_path: Path) -> None:
        """OME-XML gives the size with its unit."""
        path = tmp_path / "a.ome.tif"
        tifffile.imwrite(
            path,
            picture(64, 64, bands=1)[:, :, 0],
            ome=True,
            metadata={
                "axes": "YX",
                "PhysicalSizeX": 250.0,
                "PhysicalSizeXUnit": "nm",
                "PhysicalSizeY": 500.0,
                "PhysicalSizeYUnit": "nm",
            },
        )

        assert open_source(str(path)).pyramid.pixel_size == PixelSize(0.5, 0.25, "um")

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("MPP = 0.4990", PixelSize(0.499, 0.499, "um")),
            ("MPP = 1.2.3", None),
            ("MPP = 0", None),
        ],
    )
    def test_aperio_descriptions(
        self, tmp_path: Path, said: str, expected: PixelSize | None
    ) -> None:
        """Aperio's size is read; one that is no number is no reason to refuse the image."""
        text = f"Aperio Image Library v1\r\n64x64 [0,0 64x64] (64x64)|{said}|AppMag = 20"
        path = tmp_path / "a.svs"
        tifffile.imwrite(
            path, picture(64, 64), photometric="rgb", tile=(64, 64), description=text, metadata=None
        )

        assert open_source(str(path)).pyramid.pixel_size == expected


def geotiff(path: Path, model_type: int, linear_unit: int) -> Path:
    """A small raster with pixel scale 2 x 3 and the GeoTIFF keys of its kind."""
    keys = (1, 1, 0, 2, 1024, 0, 1, model_type, 3076, 0, 1, linear_unit)
    tags = [
        (33550, "d", 3, (2.0, 3.0, 0.0), True),
        (33922, "d", 6, (0, 0, 0, 1e5, 1e6, 0), True),
        (34735, "H", len(keys), keys, True),
        (42113, "s", 0, "7", True),
    ]
    tifffile.imwrite(path, picture(40, 40, bands=1)[:, :, 0], extratags=tags, metadata=None)
    return path


class TestGeotiff:
    def test_projected_metres(self, tmp_path: Path) -> None:
        """A projected raster has metres per pixel, and its nodata value."""
        pyramid = open_source(str(geotiff(tmp_path / "a.tif", 1, 9001))).pyramid

        assert pyramid.format == "geotiff"
        assert pyramid.pixel_size == PixelSize(3.0, 2.0, "m")
        assert pyramid.nodata == 7.0

    def test_feet_are_converted(self, tmp_path: Path) -> None:
        """Feet become metres."""
        size = open_source(str(geotiff(tmp_path / "a.tif", 1, 9002))).pyramid.pixel_size

        assert size is not None
        assert (size.y, size.x) == pytest.approx((0.9144, 0.6096))

    def test_degrees_are_no_size(self, tmp_path: Path) -> None:
        """A geographic raster has no size in metres."""
        assert open_source(str(geotiff(tmp_path / "a.tif", 2, 9001))).pyramid.pixel_size is None
