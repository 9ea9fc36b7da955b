"""Ingested images, looked at by ome-zarr-models, zarr-python, ngff-zarr and our own reader."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import ngff_zarr
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from ome_zarr_models.v05.image import Image

from pipeline.errors import CorruptImageError, TileReadError, UnsupportedImageError, UsageError
from pipeline.images.opening import open_source
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile import TileKey
from pipeline.ingest import plan
from pipeline.ingest.ingest import Ingested, IngestTask, ingest
from pipeline.ingest.means import area_means
from pipeline.ingest.publication import Publication, result_path
from pipeline.ingest.settings import IngestSettings
from pipeline.ingest.shards import ShardFiles
from tests.conftest import picture

UTM = (2.0, 0.0, 500_000.0, 0.0, -2.0, 4_000_000.0)


def task(source: Path, **changes: Any) -> IngestTask:
    """To be written beside its image."""
    known = {"settings": IngestSettings(), "final": result_path(source.parent / "out", source.stem)}
    return IngestTask(uri=str(source), **{**known, **changes})


def ingested(source: Path, **changes: Any) -> zarr.Group:
    """The result, opened by zarr-python."""
    done = ingest(task(source, **changes))
    return zarr.open_group(str(done.final), mode="r")


def planar(array: NDArray[Any]) -> NDArray[Any]:
    """(H, W) or (H, W, C) to (C, H, W)."""
    return array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0)


def stored(group: zarr.Group, level: int) -> NDArray[Any]:
    """(C, H, W) of a level, as zarr-python reads it."""
    found = np.asarray(group[str(level)][...])  # type: ignore[index]
    return found if found.ndim == 3 else found[None]


def check_pyramid(group: zarr.Group, finest: NDArray[Any], nodata: float | None = None) -> None:
    """Level 0 is the image; each other level is the area means of the one before."""
    np.testing.assert_array_equal(stored(group, 0), finest)
    count = len(list(group.array_keys()))
    for level in range(1, count):
        finest = area_means(finest, nodata)
        np.testing.assert_array_equal(stored(group, level), finest)
    assert max(finest.shape[1:]) <= 256


def write(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """A TIFF of one level."""
    known = {"metadata": None, "tile": (64, 64), **options}
    tifffile.imwrite(path, pixels, **known)
    return path


def write_map(path: Path, pixels: NDArray[Any], nodata: str) -> Path:
    """A GeoTIFF in UTM zone 18 north, pixels of 2 m."""
    tags = [
        (33550, "d", 3, (2.0, 2.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, UTM[2], UTM[5], 0.0), True),
        (34735, "H", 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32618), True),
        (42113, "s", 0, nodata, True),
    ]
    return write(path, pixels, photometric="minisblack", extratags=tags)


@pytest.fixture
def rgb(tmp_path: Path) -> Path:
    """A small image in tiles, odd sides, several shards' worth of chunks."""
    return write(tmp_path / "rgb.tif", picture(1301, 2467), photometric="rgb", compression="zstd")


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
        assert group["0"].metadata.dimension_names == ("y", "x")  # type: ignore[union-attr]
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

        assert group["0"].metadata.codecs[0].codecs[-1].to_dict()["name"] == "imagecodecs_jpeg"  # type: ignore[union-attr]
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


class TestPublication:
    def test_a_second_ingest_finds_the_first(self, rgb: Path) -> None:
        """The same image and settings: nothing is written."""
        ingest(task(rgb))
        again = ingest(task(rgb))

        assert again.num_kept == again.num_shards > 0
        assert [p.name for p in (rgb.parent / "out").iterdir()] == ["rgb.ome.zarr"]

    def test_another_result_is_not_touched(self, rgb: Path) -> None:
        """The error names what differs and the way out; with --overwrite it is replaced."""
        before = ingest(task(rgb))
        other = task(rgb, settings=IngestSettings(codec="zstd"))
        with pytest.raises(UsageError, match=r"codec is blosc, now zstd.*--overwrite"):
            ingest(other)
        after = ingest(replace(other, is_overwriting=True))

        assert after.num_bytes != before.num_bytes
        assert [p.name for p in (rgb.parent / "out").iterdir()] == ["rgb.ome.zarr"]

    def test_what_is_not_ours_is_not_touched(self, rgb: Path) -> None:
        """A directory of the same name that no ingest made stays."""
        final = task(rgb).final
        final.mkdir(parents=True)
        with pytest.raises(UsageError, match="no ingest made it"):
            ingest(task(rgb))

    def test_two_at_once_do_not_mix(self, rgb: Path) -> None:
        """While one process writes a result, another is turned away."""
        with (
            Publication(task(rgb).final),
            pytest.raises(UsageError, match="another ingest is writing it"),
        ):
            ingest(task(rgb))

    @pytest.mark.parametrize("codec", ["blosc", "jpeg"])
    @pytest.mark.parametrize("num_shards", [1, 6, 15, 17])
    def test_what_failed_midway_is_finished(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        num_shards: int,
        codec: Any,
    ) -> None:
        """Whenever it stops, nothing bears the final name; the next call reuses what was finished."""
        path = write(tmp_path / "a.tif", picture(1300, 1900), photometric="rgb", compression="jpeg")
        settings = IngestSettings(codec=codec)
        monkeypatch.setattr(plan, "MAX_BLOCK_PX", 512)
        monkeypatch.setattr(plan, "MAX_SHARD_BLOCKS", 1)
        whole = ingest(task(path, settings=settings, final=tmp_path / "whole.ome.zarr"))
        with monkeypatch.context() as patched:
            _stop_after(num_shards, patched)
            with pytest.raises(OSError, match="disk is full"):
                ingest(task(path, settings=settings))
        assert not task(path).final.exists()
        resumed = ingest(task(path, settings=settings))

        assert resumed.num_kept == num_shards
        assert_same_files(whole, resumed)

    def test_a_damaged_shard_is_written_again(
        self, rgb: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A shard that lost its end (a power cut) is not taken for a finished one."""
        with monkeypatch.context() as patched:
            _stop_after(1, patched)
            with pytest.raises(OSError, match="disk is full"):
                ingest(task(rgb))
        [shard] = [p for p in rgb.parent.glob("out/.*.partial/*/c/**/*") if p.is_file()]
        shard.write_bytes(shard.read_bytes()[:-1000])

        assert ingest(task(rgb)).num_kept == 0

    def test_a_changed_image_begins_anew(self, rgb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was made of another version of the image is thrown away."""
        with monkeypatch.context() as patched:
            _stop_after(1, patched)
            with pytest.raises(OSError, match="disk is full"):
                ingest(task(rgb))
        write(rgb, picture(1301, 2467, seed=9), photometric="rgb")
        done = ingest(task(rgb))

        assert done.num_kept == 0
        check_pyramid(zarr.open_group(str(done.final), mode="r"), planar(tifffile.imread(rgb)))

    def test_a_broken_tile_publishes_nothing(self, tmp_path: Path) -> None:
        """Nothing is made up for what cannot be read."""
        path = write(tmp_path / "a.tif", picture(600, 600), photometric="rgb", compression="zstd")
        with tifffile.TiffFile(path) as tiff:
            offset = tiff.pages[0].dataoffsets[40]
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(b"\0" * 64)
        with pytest.raises(TileReadError, match=r"a\.tif: tile 4, 0"):
            ingest(task(path))

        assert not task(path).final.exists()

    def test_no_image_is_told_as_always(self, tmp_path: Path) -> None:
        """Errors of opening are those of the whole project."""
        path = tmp_path / "a.tif"
        path.write_bytes(b"")
        with pytest.raises(CorruptImageError, match="empty"):
            ingest(task(path))


def open_ours(group: zarr.Group) -> Any:
    """The result, by our own reader."""
    import contextlib

    return contextlib.closing(open_source(str(group.store_path.store.root)))  # type: ignore[attr-defined]


def _stop_after(num_shards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full after so many shards."""
    real, written = ShardFiles._write, []

    def write_some(self: ShardFiles, shard: Any, held: Any) -> None:
        if len(written) >= num_shards:
            raise OSError("disk is full")
        written.append(shard)
        real(self, shard, held)

    monkeypatch.setattr(ShardFiles, "_write", write_some)


def assert_same_files(one: Ingested, other: Ingested) -> None:
    """Two results hold the same names and bytes."""
    names = [sorted(p.relative_to(r.final) for p in r.final.rglob("*")) for r in (one, other)]
    assert names[0] == names[1]
    for name in names[0]:
        path = one.final / name
        assert path.is_dir() or path.read_bytes() == (other.final / name).read_bytes(), name
