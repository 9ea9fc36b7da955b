"""TIFF in its many forms, against tifffile's own reading of whole pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, TileReadError, UnsupportedImageError
from pipeline.images.opening import open_source
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile import TileKey
from tests.conftest import picture
from tests.image_files import halves, slide, write_pyramid_tiff
from tests.pipeline.images.source_contract import SourceContract, all_keys

Image = tuple[Path, list[NDArray[Any]]]


def oracle(path: Path, num_levels: int) -> list[NDArray[Any]]:
    """(C, H, W) levels as tifffile decodes whole pages."""
    with tifffile.TiffFile(path) as file:
        pages = [file.pages[index].asarray() for index in range(num_levels)]
    return [page[None] if page.ndim == 2 else np.moveaxis(page, 2, 0) for page in pages]


FORMS: dict[str, dict[str, Any]] = {
    "jpeg": {"photometric": "rgb", "compression": "jpeg", "tile": (64, 64)},
    "deflate": {"photometric": "rgb", "compression": "deflate", "tile": (64, 48)},
    "lzw_predictor": {
        "photometric": "rgb",
        "compression": "lzw",
        "predictor": True,
        "tile": (32, 32),
    },
    "zstd_bigtiff": {
        "photometric": "rgb",
        "compression": "zstd",
        "tile": (64, 64),
        "bigtiff": True,
    },
    "plain_tiles": {"photometric": "rgb", "tile": (64, 64)},
    "strips": {"photometric": "rgb", "compression": "deflate", "rowsperstrip": 7},
    "one_raw_strip": {"photometric": "rgb"},
    "jpeg2000": {"photometric": "rgb", "compression": "jpeg2000", "tile": (64, 64)},
}


class TestForms(SourceContract):
    @pytest.fixture(params=FORMS)
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = tmp_path / "image.tif"
        write_pyramid_tiff(path, halves(picture(201, 333), 3), **dict(FORMS[request.param]))
        return path, oracle(path, 3)


class TestSamples(SourceContract):
    @pytest.fixture(params=["uint8", ">u2", "int16", "float32", "float64", "uint32"])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = tmp_path / "image.tif"
        level = (picture(90, 110, bands=1)[:, :, 0].astype(np.float64) * 1.5).astype(request.param)
        order = ">" if request.param.startswith(">") else "<"
        tifffile.imwrite(
            path, level, compression="deflate", tile=(32, 32), byteorder=order, metadata=None
        )
        return path, oracle(path, 1)


class TestManyBands(SourceContract):
    @pytest.fixture(params=["contig", "separate"])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = tmp_path / "image.tif"
        bands = np.moveaxis(picture(120, 100, bands=8), 2, 0)  # (C, H, W)
        stored = bands if request.param == "separate" else np.moveaxis(bands, 0, 2)
        tifffile.imwrite(
            path,
            stored,
            photometric="minisblack",
            planarconfig=request.param,
            compression="deflate",
            tile=(32, 48),
            metadata=None,
        )
        return path, [bands]


class TestChannelPages(SourceContract):
    @pytest.fixture
    def image(self, tmp_path: Path) -> Image:
        path = tmp_path / "image.ome.tif"
        bands = np.moveaxis(picture(120, 100, bands=4), 2, 0)  # (C, H, W)
        tifffile.imwrite(
            path,
            bands,
            ome=True,
            photometric="minisblack",
            tile=(64, 64),
            metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "CD3", "CD8", "Ki67"]}},
        )
        return path, [bands]

    def test_channels_have_their_names(self, image: Image) -> None:
        """Bands are called what OME-XML calls the channels."""
        assert open_source(str(image[0])).pyramid.bands == ("DAPI", "CD3", "CD8", "Ki67")


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


class TestDamage:
    def test_one_broken_tile_is_one_error(self, tmp_path: Path) -> None:
        """Bytes overwritten in one tile make that tile unreadable, and no other."""
        path = slide(tmp_path / "a.tif")
        with tifffile.TiffFile(path) as file:
            offset = file.pages[0].dataoffsets[30]
            count = file.pages[0].databytecounts[30]
        with path.open("r+b") as raw:
            raw.seek(offset)
            raw.write(b"\0" * count)
        source = open_source(str(path))
        broken = []
        for key in all_keys(source):
            try:
                source.read_tile(key)
            except TileReadError as error:
                broken.append((key, str(error)))

        cols = source.pyramid.levels[0].num_cols
        assert [key for key, _ in broken] == [TileKey(0, 30 // cols, 30 % cols)]
        assert str(path) in broken[0][1]
        assert f"bytes {offset}" in broken[0][1]

    def test_truncated_files_lose_their_end(self, tmp_path: Path) -> None:
        """Of a file that is cut short, tiles before the cut are read and those after it are errors."""
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(256, 256), photometric="rgb", tile=(64, 64), metadata=None)
        size = path.stat().st_size
        with path.open("r+b") as raw:
            raw.truncate(size - 64 * 64 * 3)
        source = open_source(str(path))
        source.read_tile(TileKey(0, 0, 0))

        with pytest.raises(TileReadError, match="the file ends at"):
            source.read_tile(TileKey(0, 3, 3))

    @pytest.mark.parametrize("keep", [0.02, 0.3, 0.6])
    def test_a_lost_index_is_a_corrupt_image(self, tmp_path: Path, keep: float) -> None:
        """A file whose directory lies behind the cut cannot be opened, and says so."""
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(256, 256), photometric="rgb", tile=(64, 64), metadata=None)
        data = bytearray(path.read_bytes())
        data[4:8] = (len(data) - 8).to_bytes(
            4, "little"
        )  # the first directory is said to lie at the end
        path.write_bytes(data[: int(len(data) * keep)])

        with pytest.raises(CorruptImageError, match=r"cut short or damaged|not a TIFF that can be"):
            open_source(str(path))

    def test_missing_tiles_are_missing_by_design(self, tmp_path: Path) -> None:
        """A sparse file stores nothing for empty tiles: that is no failure."""
        path = tmp_path / "a.tif"
        write_pyramid_tiff(path, [picture(128, 128)], photometric="rgb", tile=(64, 64))
        with tifffile.TiffFile(path) as file:
            counts, offsets = file.pages[0].tags[325], file.pages[0].tags[324]
        with path.open("r+b") as raw:
            for tag in (counts, offsets):
                raw.seek(tag.valueoffset + 4)  # the second of the 32-bit values
                raw.write(b"\0\0\0\0")
        source = open_source(str(path))

        assert source.read_tile(TileKey(0, 0, 1)).data is None
        assert source.read_tile(TileKey(0, 0, 0)).data is not None

    def test_focal_planes_are_refused(self, tmp_path: Path) -> None:
        """A stack is not silently looked at in one of its planes."""
        path = tmp_path / "a.ome.tif"
        stack = np.zeros((5, 64, 64), np.uint8)
        tifffile.imwrite(path, stack, ome=True, metadata={"axes": "ZYX"})

        with pytest.raises(UnsupportedImageError, match=r"its axes are ZYX"):
            open_source(str(path))

    def test_absurd_tiles_are_refused(self, tmp_path: Path) -> None:
        """A compressed strip that would decode to gigabytes is refused at opening, not at reading."""
        path = tmp_path / "a.tif"
        tifffile.imwrite(
            path,
            np.zeros((64, 64), np.uint8),
            compression="deflate",
            rowsperstrip=64,
            metadata=None,
        )
        with tifffile.TiffFile(path) as file:
            places = [file.pages[0].tags[code].valueoffset for code in (256, 257, 278)]
        with path.open("r+b") as raw:
            for place in places:
                raw.seek(place)
                raw.write((65000).to_bytes(2, "little"))

        with pytest.raises(UnsupportedImageError, match="write the image in tiles"):
            open_source(str(path))
