"""OME-Zarr in its many forms, against zarr-python's own slicing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import ome_zarr_models.v05
import pytest
import zarr
from numpy.typing import NDArray

from pipeline.errors import CorruptImageError, TileReadError, UnsupportedImageError
from pipeline.images.opening import open_source
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile import TileKey
from tests.conftest import picture
from tests.image_files import halves, write_ome_zarr
from tests.pipeline.images.source_contract import SourceContract, all_keys

Image = tuple[Path, list[NDArray[Any]]]


def levels_of(bands: int = 3, dtype: str = "uint8") -> list[NDArray[Any]]:
    """(C, H, W) levels of odd sizes."""
    return [
        np.moveaxis(level, 2, 0).astype(dtype)
        for level in halves(picture(201, 333, bands=bands), 3)
    ]


def oracle(path: Path) -> list[NDArray[Any]]:
    """Levels as zarr reads them."""
    group = zarr.open_group(str(path), mode="r")
    return [np.asarray(group[name][...]) for name in ("0", "1", "2")]  # type: ignore[index]  # arrays


FORMS: dict[str, dict[str, Any]] = {
    "v3_zstd": {},
    "v3_sharded": {"shards": (3, 128, 128)},
    "v3_sharded_index_first": {"shards": {"shape": (3, 128, 128), "index_location": "start"}},
    "v3_one_band_chunks": {"chunk": (1, 64, 64)},
    "v3_gzip": {"compressors": zarr.codecs.GzipCodec()},
    "v3_blosc": {"compressors": zarr.codecs.BloscCodec(cname="lz4")},
    "v3_plain": {"compressors": None},
    "v2_default": {"zarr_format": 2},
    "v2_one_band_chunks": {"zarr_format": 2, "chunk": (1, 64, 64)},
    "v2_fortran": {"zarr_format": 2, "order": "F"},
}


class TestForms(SourceContract):
    @pytest.fixture(params=FORMS)
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of(), **FORMS[request.param])
        return path, oracle(path)


class TestSamples(SourceContract):
    @pytest.fixture(params=[">u2", "int16", "float32"])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = write_ome_zarr(
            tmp_path / "a.zarr", levels_of(dtype=request.param), zarr_format=2, chunk=(3, 64, 48)
        )
        return path, oracle(path)


class TestShardedSamples(SourceContract):
    @pytest.fixture(params=["uint16", "float32"])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        path = write_ome_zarr(
            tmp_path / "a.zarr",
            levels_of(bands=4, dtype=request.param),
            chunk=(1, 32, 32),
            shards=(4, 128, 128),
            colours=False,
        )
        return path, oracle(path)


class TestMetadata:
    def test_written_images_are_valid(self, tmp_path: Path) -> None:
        """The fixtures themselves are what ome-zarr-models calls an OME-Zarr 0.5 image."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of())

        ome_zarr_models.v05.Image.from_zarr(zarr.open_group(str(path), mode="r"))

    @pytest.mark.parametrize("zarr_format", [2, 3])
    def test_names_sizes_and_version(self, tmp_path: Path, zarr_format: int) -> None:
        """Both versions give colours, pixel size and their number."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of(), zarr_format=zarr_format)
        pyramid = open_source(str(path)).pyramid

        assert pyramid.format == {2: "ome-zarr-0.4", 3: "ome-zarr-0.5"}[zarr_format]
        assert pyramid.bands == ("red", "green", "blue")
        assert pyramid.pixel_size == PixelSize(0.5, 0.5, "um")

    @pytest.mark.parametrize(
        ("attributes", "problem"),
        [
            ({}, "without OME metadata"),
            ({"ome": {"version": "0.5", "plate": {}}}, "a plate of many images"),
            ({"ome": {"version": "0.5", "bioformats2raw.layout": 3}}, "a collection of images"),
        ],
    )
    def test_other_groups_are_refused(
        self, tmp_path: Path, attributes: dict[str, Any], problem: str
    ) -> None:
        """A group that is no image says what it is and which path to give."""
        group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3)
        group.attrs.update(attributes)

        with pytest.raises(UnsupportedImageError, match=problem):
            open_source(str(tmp_path / "a.zarr"))

    def test_a_missing_level_is_named(self, tmp_path: Path) -> None:
        """Metadata that names an array that is not there is a corrupt image."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of())
        (path / "1").rename(path / "gone")

        with pytest.raises(CorruptImageError, match="1"):
            open_source(str(path))

    def test_broken_json_is_a_corrupt_image(self, tmp_path: Path) -> None:
        """Metadata that is no JSON is our own error."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of())
        (path / "zarr.json").write_text("{")

        with pytest.raises(CorruptImageError):
            open_source(str(path))

    def test_long_z_axes_are_refused(self, tmp_path: Path) -> None:
        """A stack is not silently looked at in one of its planes."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of())
        document = path / "zarr.json"
        text = document.read_text().replace('"name": "c"', '"name": "z"')
        document.write_text(text)
        assert json.loads(text)

        with pytest.raises(UnsupportedImageError, match="axis z is 3 long"):
            open_source(str(path))


class TestDamage:
    @pytest.mark.parametrize("shards", [None, (3, 128, 128)])
    def test_missing_chunks_are_missing_by_design(
        self, tmp_path: Path, shards: tuple[int, int, int] | None
    ) -> None:
        """A chunk that was never written is no failure."""
        options = {"shards": shards} if shards else {}
        levels = [np.zeros_like(level) for level in levels_of()]
        levels[0][:, 64:128, 64:128] = 9
        path = write_ome_zarr(tmp_path / "a.zarr", levels, **options)
        source = open_source(str(path))
        stored = [key for key in all_keys(source) if source.read_tile(key).data is not None]

        assert stored == [TileKey(0, 1, 1)]

    def test_one_broken_chunk_is_one_error(self, tmp_path: Path) -> None:
        """A damaged chunk is unreadable, and no other."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of())
        (path / "0/c/0/1/2").write_bytes(b"not zstd at all")
        source = open_source(str(path))
        broken = {}
        for key in all_keys(source):
            try:
                source.read_tile(key)
            except TileReadError as error:
                broken[key] = str(error)

        assert list(broken) == [TileKey(0, 1, 2)]
        assert "0/c/0/1/2" in broken[TileKey(0, 1, 2)]

    def test_a_damaged_shard_index_is_an_error(self, tmp_path: Path) -> None:
        """The index's checksum is checked; its tiles are unreadable, not black."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of(), shards=(3, 128, 128))
        shard = path / "0/c/0/0/0"
        data = bytearray(shard.read_bytes())
        data[-20] ^= 0xFF
        shard.write_bytes(data)

        with pytest.raises(TileReadError, match="damaged"):
            open_source(str(path)).read_tile(TileKey(0, 0, 0))

    def test_a_pipe_in_place_of_a_chunk_does_not_hang(self, tmp_path: Path) -> None:
        """A chunk that is no regular file is an error at once."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of())
        (path / "0/c/0/0/0").unlink()
        os.mkfifo(path / "0/c/0/0/0")

        with pytest.raises(TileReadError, match="not a regular file"):
            open_source(str(path)).read_tile(TileKey(0, 0, 0))

    def test_a_store_that_is_gone_is_not_empty(self, tmp_path: Path) -> None:
        """Chunks of an image that was moved away are errors, not missing by design."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of())
        source = open_source(str(path))
        path.rename(tmp_path / "b.zarr")

        with pytest.raises(TileReadError, match="no longer there"):
            source.read_tile(TileKey(0, 0, 0))

    def test_cut_shards_are_errors(self, tmp_path: Path) -> None:
        """A shard that is shorter than its index is damaged."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of(), shards=(3, 128, 128))
        (path / "0/c/0/0/0").write_bytes(b"short")

        with pytest.raises(TileReadError, match="0/c/0/0/0"):
            open_source(str(path)).read_tile(TileKey(0, 0, 0))

    def test_other_files_are_not_counted(self, tmp_path: Path) -> None:
        """What lies beside the chunks costs nothing to scan."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels_of())
        before = open_source(str(path)).scan_bytes(0)
        (path / "0/c/0/0/0.tmp").write_bytes(b"half a chunk")
        (path / "0/c/0/0/99").write_bytes(b"beyond the image")

        assert open_source(str(path)).scan_bytes(0) == before
