"""DeepZoom pyramids, as openslide-python's own generator writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from openslide import ImageSlide
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image

from pipeline.errors import CorruptImageError, ImageAccessError, TileReadError
from pipeline.images.opening import open_source
from pipeline.images.tile import TileKey
from tests.image_files import picture
from tests.pipeline.images.source_contract import SourceContract


def write_deepzoom(
    directory: Path, *, overlap: int, tile_px: int = 62
) -> tuple[Path, list[NDArray[Any]]]:
    """A pyramid of PNG tiles, and its levels of 64 px and more by Pillow."""
    whole = Image.fromarray(picture(300, 430, bands=3))
    maker = DeepZoomGenerator(ImageSlide(whole), tile_size=tile_px, overlap=overlap)
    for level, (cols, rows) in enumerate(maker.level_tiles):
        folder = directory / "a b_files" / str(level)
        folder.mkdir(parents=True)
        for row in range(rows):
            for col in range(cols):
                maker.get_tile(level, (col, row)).save(folder / f"{col}_{row}.png")
    (directory / "a b.dzi").write_text(maker.get_dzi("png"))
    sizes = [size for size in reversed(maker.level_dimensions) if max(size) >= 64]
    levels = [
        np.moveaxis(np.asarray(whole.resize(size, Image.Resampling.LANCZOS)), 2, 0)
        for size in sizes
    ]
    return directory / "a b.dzi", levels


class TestOverlapping(SourceContract):
    @pytest.fixture
    def image(self, tmp_path: Path) -> tuple[Path, list[NDArray[Any]]]:
        """Tiles that repeat a pixel of their neighbours."""
        return write_deepzoom(tmp_path, overlap=1)

    def test_tiles_equal_the_oracle(self, image: tuple[Path, list[NDArray[Any]]]) -> None:
        """The finest level is the picture; coarser ones differ where the generator shrinks tile by tile."""
        path, levels = image
        source = open_source(str(path))
        for row in range(source.pyramid.levels[0].num_rows):
            for col in range(source.pyramid.levels[0].num_cols):
                box = source.pyramid.levels[0].tile_region(row, col)
                data = source.read_tile(TileKey(0, row, col)).data

                assert data is not None
                np.testing.assert_array_equal(
                    data, levels[0][:, box.y : box.bottom, box.x : box.right]
                )
        for key in (TileKey(1, 1, 1), TileKey(2, 0, 1)):
            box = source.pyramid.levels[key.level].tile_region(key.row, key.col)
            data = source.read_tile(key).data

            assert data is not None
            expected = levels[key.level][:, box.y : box.bottom, box.x : box.right].astype(int)
            assert np.abs(data.astype(int) - expected).mean() < 3


class TestBroken:
    def test_a_tile_is_gone(self, tmp_path: Path) -> None:
        """A tile that is not there has failed; its neighbours are read."""
        path, _ = write_deepzoom(tmp_path, overlap=0)
        source = open_source(str(path))
        (tmp_path / "a b_files" / "9" / "1_0.png").unlink()

        with pytest.raises(TileReadError, match="there is no such file"):
            source.read_tile(TileKey(0, 0, 1))
        assert source.read_tile(TileKey(0, 0, 0)).data is not None

    def test_the_directory_is_gone(self, tmp_path: Path) -> None:
        """A document alone is no image."""
        path, _ = write_deepzoom(tmp_path, overlap=0)
        (tmp_path / "a b_files").rename(tmp_path / "elsewhere")

        with pytest.raises(ImageAccessError, match="No such file"):
            open_source(str(path))

    @pytest.mark.parametrize(
        ("old", "new"), [("TileSize=", "Size="), ('Height="300"', 'Height="-3"'), ("<Size", "<Sze")]
    )
    def test_damaged_documents(self, tmp_path: Path, old: str, new: str) -> None:
        """What the document must say is looked for."""
        path, _ = write_deepzoom(tmp_path, overlap=0)
        path.write_text(path.read_text().replace(old, new))

        with pytest.raises(CorruptImageError, match="write the image again"):
            open_source(str(path))
