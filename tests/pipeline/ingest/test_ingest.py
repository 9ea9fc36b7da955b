"""Ingested images, looked at by ome-zarr-models, zarr-python, ngff-zarr and our own reader."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import ngff_zarr
import numpy as np
import pytest
import tifffile
from ome_zarr_models.v05.image import Image

from pipeline.errors import UnsupportedImageError
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile import TileKey
from pipeline.ingest.ingest import ingest
from pipeline.ingest.means import area_means
from pipeline.ingest.settings import IngestSettings
from tests.conftest import picture
from tests.pipeline.ingest.results import (
    UTM,
    check_pyramid,
    ingested,
    open_ours,
    planar,
    stored,
    task,
    write,
    write_map,
)


class TestPixels:
    @pytest.mark.parametrize("codec", ["blosc", "zstd"])
    @pytest.mark.parametrize(
        "options",
        [
            {"tile": (64, 64)},
            {"tile": (240, 240)},
            {"tile": (2048, 1024)},
            {"tile": None, "rowsperstrip": 7, "compression": "deflate"},
            {"tile": None, "rowsperstrip": 5000},
        ],
        ids=str,
    )
    def test_every_layout_is_kept_exactly(
        self, tmp_path: Path, options: dict[str, Any], codec: Any
    ) -> None:
        """Tiles and strips of any size come out as tifffile reads them, under their area means."""
        path = write(tmp_path / "a.tif", picture(1301, 2467), photometric="rgb", **options)

        group = ingested(path, settings=IngestSettings(codec=codec))

        check_pyramid(group, planar(tifffile.imread(path)))

    def test_wide_strips_are_kept_exactly(self, tmp_path: Path) -> None:
        """Images of strips wider than a block are worked off row by row, with the same result."""
        path = write(
            tmp_path / "a.tif", picture(1100, 9000, bands=1)[..., 0], tile=None, rowsperstrip=100
        )

        check_pyramid(ingested(path), planar(tifffile.imread(path)))

    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "int32"])
    def test_every_dtype_is_kept_exactly(self, tmp_path: Path, dtype: str) -> None:
        """Samples of one band stay what they are, also big-endian ones."""
        rng = np.random.default_rng(1)
        pixels = (rng.normal(0, 1, (700, 600)) * 1000).clip(0, 255).astype(dtype)
        path = write(tmp_path / "a.tif", pixels, byteorder=">")

        group = ingested(path)

        assert group["0"].dtype == np.dtype(dtype)
        check_pyramid(group, pixels[None])

    def test_many_bands_share_chunks_up_to_a_bound(self, tmp_path: Path) -> None:
        """A chunk holds all bands where it can, several chunks where that is too much."""
        pixels = np.random.default_rng(2).integers(0, 99, (40, 300, 300), dtype=np.uint16)
        path = write(tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig="separate")

        group = ingested(path)

        assert group["0"].chunks == (32, 256, 256)
        check_pyramid(group, pixels)

    def test_threads_do_not_matter(self, rgb: Path, tmp_path: Path) -> None:
        """One thread or many write the same bytes."""
        for count in (1, 4):
            ingest(task(rgb, final=tmp_path / f"{count}.ome.zarr"), num_threads=count)
        files = [
            p.relative_to(tmp_path / "1.ome.zarr") for p in (tmp_path / "1.ome.zarr").rglob("*")
        ]

        assert len(files) > 8
        for name in files:
            one, other = tmp_path / "1.ome.zarr" / name, tmp_path / "4.ome.zarr" / name
            assert one.is_dir() or one.read_bytes() == other.read_bytes()


class TestAlpha:
    def test_edges_keep_their_colour(self, tmp_path: Path) -> None:
        """Where an image ends in the middle of a pixel of a coarser level, that pixel has the image's colour."""
        pixels = np.zeros((900, 900, 4), np.uint8)
        pixels[:601, :301] = (90, 120, 200, 255)
        path = write(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])

        group = ingested(path)

        for level in (1, 2):
            found = stored(group, level)
            assert np.unique(found[:3, found[3] > 0], axis=1).T.tolist() == [[90, 120, 200]]


class TestNoData:
    def test_it_is_left_out_and_kept(self, tmp_path: Path) -> None:
        """No data is no part of a mean, is what is not stored, and comes back."""
        pixels = np.full((900, 900), -9999, np.int16)
        pixels[100:301, 50:222] = np.random.default_rng(0).integers(-50, 50, (201, 172))
        path = write_map(tmp_path / "map.tif", pixels, "-9999")

        group = ingested(path)

        assert group["0"].fill_value == -9999
        check_pyramid(group, pixels[None], -9999.0)
        with open_ours(group) as source:
            assert source.pyramid.nodata == -9999.0
            assert source.read_tile(TileKey(0, 3, 3)).data is None
            assert source.read_tile(TileKey(0, 0, 0)).data is not None

    def test_nan_is_kept(self, tmp_path: Path) -> None:
        """NaN as no data is no JSON number, and comes back all the same."""
        pixels = np.random.default_rng(0).normal(0, 1, (300, 300)).astype(np.float32)
        pixels[:, 100:] = np.nan
        path = write_map(tmp_path / "map.tif", pixels, "nan")

        group = ingested(path)

        check_pyramid(group, pixels[None], float("nan"))
        with open_ours(group) as source:
            assert np.isnan(source.pyramid.nodata or 0)

    def test_tiles_that_are_not_stored_stay_so(self, tmp_path: Path) -> None:
        """What the image does not store the result does not store; black is stored."""
        pixels = np.zeros((1024, 1024), np.uint8)
        path = write(tmp_path / "a.tif", pixels, tile=(256, 256))
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            counts = list(tiff.pages[0].databytecounts)
            counts[5] = 0
            tiff.pages[0].tags["TileByteCounts"].overwrite(counts)

        group = ingested(path)

        with open_ours(group) as source:
            assert source.read_tile(TileKey(0, 1, 1)).data is None
            assert source.read_tile(TileKey(0, 1, 2)).data is not None


class TestMetadata:
    def test_it_is_valid_and_complete(self, rgb: Path) -> None:
        """ome-zarr-models takes it; axes, scales, channels and names are there."""
        group = ingested(rgb, pixel_size=PixelSize(0.5, 0.25, "um"))

        model = Image.from_zarr(group)
        multiscale = model.ome_attributes.multiscales[0]
        assert [axis.name for axis in multiscale.axes] == ["c", "y", "x"]
        assert multiscale.axes[-1].unit == "micrometer"
        scales = [dataset.coordinateTransformations[0].scale for dataset in multiscale.datasets]
        shifts = [d.coordinateTransformations[1].translation for d in multiscale.datasets]
        assert scales[0] == [1.0, 0.5, 0.25]
        assert scales[2] == [1.0, 2.0, 1.0]
        assert shifts[2] == [0.0, 0.75, 0.375]  # the middle of four pixels of 0.5 and 0.25 um
        channels: Any = group.attrs["ome"]
        assert [c["label"] for c in channels["omero"]["channels"]] == ["red", "green", "blue"]
        assert group["0"].shards == (3, 1536, 2560)

    def test_ngff_zarr_opens_it(self, rgb: Path) -> None:
        """An independent reader sees the same pixels and sizes."""
        done = ingest(task(rgb, pixel_size=PixelSize(0.5, 0.25, "um")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own dependencies' words
            image = ngff_zarr.from_ngff_zarr(str(done.final)).images[0]

        assert image.scale["y"] == 0.5
        np.testing.assert_array_equal(np.asarray(image.data), planar(tifffile.imread(rgb)))

    def test_our_reader_sees_the_image(self, rgb: Path) -> None:
        """Bands, pixel size and levels are those that classify needs."""
        with open_ours(ingested(rgb, pixel_size=PixelSize(0.5, 0.5, "um"))) as source:
            assert source.pyramid.bands == ("red", "green", "blue")
            assert source.pyramid.pixel_size == PixelSize(0.5, 0.5, "um")
            assert len(source.pyramid.levels) == 5

    def test_a_map_stays_where_it_is(self, tmp_path: Path) -> None:
        """CRS and transform are in GeoZarr's words, and come back as they were."""
        path = write_map(tmp_path / "map.tif", np.ones((300, 300), np.uint8), "0")

        group = ingested(path)

        assert group.attrs["proj:code"] == "EPSG:32618"
        assert group.attrs["spatial:transform"] == list(UTM)
        assert group["0"].metadata.dimension_names == ("y", "x")  # type: ignore[union-attr]  # an array, not a group
        with open_ours(group) as source:
            assert (source.pyramid.crs, source.pyramid.transform) == ("EPSG:32618", UTM)
            assert source.pyramid.pixel_size == PixelSize(2.0, 2.0, "m")


class TestLossy:
    @pytest.mark.parametrize("bands", [1, 3])
    def test_jpeg_stays_jpeg(self, tmp_path: Path, bands: int) -> None:
        """A JPEG image may be written as JPEG: near to it, small, and each level made of the one stored."""
        pixels = picture(700, 900, bands=bands)
        kind = {"photometric": "rgb" if bands == 3 else "minisblack", "compression": "jpeg"}
        path = write(tmp_path / "a.tif", pixels if bands == 3 else pixels[..., 0], **kind)
        lossless = ingest(task(path, final=tmp_path / "lossless.ome.zarr"))
        settings = IngestSettings(codec="jpeg", quality=95)

        group = ingested(path, settings=settings)

        assert group["0"].metadata.codecs[0].codecs[-1].to_dict()["name"] == "imagecodecs_jpeg"  # type: ignore[union-attr]  # an array, not a group
        difference = stored(group, 0).astype(int) - planar(tifffile.imread(path))
        assert np.abs(difference).mean() < 5
        np.testing.assert_allclose(
            stored(group, 1).astype(int), area_means(stored(group, 0), None), atol=40
        )
        assert np.abs(stored(group, 1).astype(int) - area_means(stored(group, 0), None)).mean() < 5
        again = ingest(task(path, settings=settings))
        assert again.num_bytes < lossless.num_bytes / 2
        with open_ours(group) as source:
            assert np.array_equal(
                source.read_tile(TileKey(0, 0, 0)).data, stored(group, 0)[:, :256, :256]
            )

    def test_is_refused_where_nothing_is_lost_yet(self, rgb: Path) -> None:
        """A lossless image is not spoilt."""
        with pytest.raises(UnsupportedImageError, match=r"without loss.*--codec blosc"):
            ingest(task(rgb, settings=IngestSettings(codec="jpeg")))
