"""Arrays that say the same of themselves are laid out once; nothing else is shared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UnsupportedImageError
from pipeline.images.opening import open_source
from pipeline.images.tile import TileKey
from pipeline.images.zarr.documents import ArrayDocument
from pipeline.images.zarr.layouts import layout_of
from tests.image_files import write_ome_zarr


def document(path: Path, **changes: object) -> ArrayDocument:
    """Of an image's finest level."""
    content = json.loads((path / "0" / "zarr.json").read_text()) | changes
    return ArrayDocument(path="0", name="zarr.json", content=content)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Two of one size, light and dark, and a larger one."""
    sizes, values = [(1, 96, 96), (1, 96, 96), (1, 96, 128)], [200, 30, 90]
    return [
        write_ome_zarr(tmp_path / f"{value}.zarr", [np.full(size, value, np.uint8)])
        for size, value in zip(sizes, values, strict=True)
    ]


class TestLayouts:
    def test_the_same_words_are_one_layout(self, images: list[Path]) -> None:
        """Only where the whole document is the same."""
        light, dark, larger = (layout_of(document(path), str(path)) for path in images)

        assert light is dark
        assert larger is not light
        assert larger.shape == (1, 96, 128)

    def test_images_keep_their_own_pixels(self, images: list[Path]) -> None:
        """Sharing a layout shares no tile: both are open at once, and each shows itself."""
        sources = [open_source(str(path)) for path in images]

        tiles = [source.read_tile(TileKey(0, 0, 0)).data for source in sources]

        values = [0 if tile is None else int(tile.max()) for tile in tiles]
        assert values == [200, 30, 90]

    def test_an_error_names_the_image_that_was_asked_for(self, images: list[Path]) -> None:
        """The second of two equally unsupported images is not told as the first."""
        odd = {"chunk_grid": {"name": "rectilinear", "configuration": {}}}
        for path in images[:2]:
            with pytest.raises(UnsupportedImageError, match=f"{path.name}: its chunk grid"):
                layout_of(document(path, **odd), path.name)
