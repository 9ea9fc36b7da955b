"""What an OME-Zarr says of itself, and stores that are built to mislead."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from pipeline.errors import CorruptImageError, ImageAccessError, ImageError, UnsupportedImageError
from pipeline.images.opening import fingerprint_of, open_source
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile import TileKey
from tests.conftest import picture
from tests.image_files import halves, write_ome_zarr


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An image of two levels."""
    levels = [np.moveaxis(level, 2, 0) for level in halves(picture(128, 128), 2)]
    return write_ome_zarr(tmp_path / "a.zarr", levels)


def rewrite(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON document in place."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def image_of(document: Any) -> Any:
    """The multiscale of an image's document."""
    return document["attributes"]["ome"]["multiscales"][0]


class TestOrder:
    def test_levels_are_sorted(self, store: Path) -> None:
        """Listed the wrong way round, the finest level is still level 0, and the pixel size is its own."""
        rewrite(store / "zarr.json", lambda document: image_of(document)["datasets"].reverse())
        pyramid = open_source(str(store)).pyramid

        assert [level.height for level in pyramid.levels] == [128, 64]
        assert pyramid.pixel_size == PixelSize(0.5, 0.5, "um")

    def test_scale_of_the_whole_image(self, store: Path) -> None:
        """A transformation of the whole image multiplies that of its levels."""
        scale = {"type": "scale", "scale": [1, 2, 4]}
        rewrite(
            store / "zarr.json",
            lambda document: image_of(document).update(coordinateTransformations=[scale]),
        )

        assert open_source(str(store)).pyramid.pixel_size == PixelSize(1.0, 2.0, "um")

    def test_chunks_longer_than_their_axis(self, tmp_path: Path) -> None:
        """A focal axis of one plane may be stored in chunks of five."""
        group = zarr.open_group(str(tmp_path / "z.zarr"), mode="w", zarr_format=2)
        plane = picture(64, 64, bands=1)[:, :, 0]
        array = group.create_array("0", shape=(1, 64, 64), chunks=(5, 32, 32), dtype="uint8")
        array[...] = plane[None]
        image = {"version": "0.4", "axes": ["z", "y", "x"], "datasets": [{"path": "0"}]}
        group.attrs["multiscales"] = [image]
        data = open_source(str(tmp_path / "z.zarr")).read_tile(TileKey(0, 1, 0)).data

        np.testing.assert_array_equal(data, plane[None, 32:, :32])

    def test_paths_within_groups(self, store: Path) -> None:
        """Levels may lie deeper, and a leading slash means the image, not the disk."""
        (store / "scale0").mkdir()
        (store / "0").rename(store / "scale0/image")
        rewrite(
            store / "zarr.json",
            lambda document: image_of(document)["datasets"][0].update(path="/scale0/image"),
        )
        before = fingerprint_of(str(store))
        tile = open_source(str(store)).read_tile(TileKey(0, 0, 0))
        os.utime(store / "scale0/image/zarr.json", ns=(0, 2**61))

        assert tile.data is not None
        assert fingerprint_of(str(store)) != before


def set_codecs(*codecs: dict[str, Any]) -> Callable[[Any], None]:
    """A change of an array's codecs."""
    return lambda document: document.update(codecs=list(codecs))


SHARDING = {
    "name": "sharding_indexed",
    "configuration": {
        "chunk_shape": [3, 32, 32],
        "codecs": [{"name": "bytes"}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "index_location": "end",
    },
}


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "error", "problem"),
        [
            (set_codecs(SHARDING, {"name": "crc32c"}), UnsupportedImageError, "around its shards"),
            (
                set_codecs({"name": "bytes"}, {"name": "numcodecs.nobody"}),
                UnsupportedImageError,
                "codecs is not known",
            ),
            (
                lambda document: document.update(chunk_grid={"name": "rectilinear"}),
                UnsupportedImageError,
                "chunk grid is 'rectilinear'",
            ),
            (
                lambda document: document.update(shape=[2, 64, 64]),
                CorruptImageError,
                r"a level of shape \(2, 64, 64\)",
            ),
            (lambda document: document.update(shape="none"), CorruptImageError, "understood"),
            (lambda document: document.update(data_type="int8"), ImageError, "int8|understood"),
        ],
    )
    def test_levels(
        self, store: Path, change: Callable[[Any], None], error: type[ImageError], problem: str
    ) -> None:
        """A level that is stored in an unknown way, or does not go with the finest, is refused."""
        rewrite(store / "1/zarr.json", change)

        with pytest.raises(error, match=problem):
            open_source(str(store))

    @pytest.mark.parametrize("path", ["../b.zarr/0", "", ".", "a//b"])
    def test_paths_that_lead_elsewhere(self, store: Path, path: str) -> None:
        """An image cannot name an array outside of itself."""
        rewrite(
            store / "zarr.json",
            lambda document: image_of(document)["datasets"][0].update(path=path),
        )

        with pytest.raises(CorruptImageError, match="lies outside"):
            open_source(str(store))

    @pytest.mark.parametrize("name", ["zarr.json", "0/zarr.json"])
    def test_pipes_do_not_hang(self, store: Path, name: str) -> None:
        """A pipe in place of a document is refused before anyone waits for it."""
        (store / name).unlink(missing_ok=True)
        os.mkfifo(store / name)

        with pytest.raises(ImageAccessError, match="not a regular file"):
            open_source(str(store))

    @pytest.mark.parametrize("text", ["[]", '{"attributes": []}', '{"attributes": {"ome": 3}}'])
    def test_other_json(self, store: Path, text: str) -> None:
        """JSON of another shape is a corrupt image."""
        (store / "zarr.json").write_text(text)

        with pytest.raises(CorruptImageError):
            open_source(str(store))

    def test_tiles_with_too_many_bands(self, tmp_path: Path) -> None:
        """Small chunks of very many bands are one large tile, refused at opening."""
        group = zarr.open_group(str(tmp_path / "b.zarr"), mode="w", zarr_format=2)
        group.create_array("0", shape=(2000, 512, 512), chunks=(1, 512, 512), dtype="uint8")
        image = {"version": "0.4", "axes": ["c", "y", "x"], "datasets": [{"path": "0"}]}
        group.attrs["multiscales"] = [image]

        with pytest.raises(UnsupportedImageError, match="write it in chunks"):
            open_source(str(tmp_path / "b.zarr"))

    def test_shards_smaller_than_their_chunks(self, tmp_path: Path) -> None:
        """A shard that holds no chunk at all is refused; zarr itself does not mind."""
        levels = [np.zeros((3, 64, 64), np.uint8)]
        path = write_ome_zarr(tmp_path / "a.zarr", levels, chunk=(3, 32, 32), shards=(3, 64, 64))
        document = path / "0" / "zarr.json"
        content = json.loads(document.read_text())
        content["chunk_grid"]["configuration"]["chunk_shape"] = [3, 0, 64]
        document.write_text(json.dumps(content))
        with pytest.raises(CorruptImageError, match=r"a\.zarr.*cannot hold chunks.*copy it again"):
            open_source(str(path))
