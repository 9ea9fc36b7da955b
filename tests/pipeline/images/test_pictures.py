"""Pictures as they are; Pillow is the oracle."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import CorruptImageError, ImageError
from pipeline.images.opening import open_source
from pipeline.images.tile import TileKey
from tests.image_files import picture
from tests.pipeline.images.source_contract import SourceContract

COLOURS = Image.fromarray(picture(90, 70, bands=3))
SHARED = Path(__file__).parents[4] / "shared" / "data"


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A file's bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def shown_by_pillow(stored: bytes) -> NDArray[Any]:
    """(C, H, W)."""
    with Image.open(io.BytesIO(stored)) as image:
        whole = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    return np.moveaxis(whole.reshape(*whole.shape[:2], -1), 2, 0)


class TestPictures:
    @pytest.mark.parametrize(
        ("stored", "bands"),
        [
            (saved(COLOURS.convert("L"), "PNG"), ("gray",)),
            (saved(COLOURS, "PNG"), ("red", "green", "blue")),
            (saved(COLOURS.convert("P"), "PNG"), ("red", "green", "blue")),
            (saved(COLOURS.convert("LA"), "PNG"), ("gray", "alpha")),
            (saved(COLOURS.convert("RGBA"), "PNG"), ("red", "green", "blue", "alpha")),
            (
                saved(Image.fromarray(picture(90, 70, bands=1)[:, :, 0].astype("u2") * 200), "PNG"),
                ("gray",),
            ),
            (saved(COLOURS.convert("L"), "JPEG"), ("gray",)),
            (saved(COLOURS, "JPEG", quality=90), ("red", "green", "blue")),
            (saved(COLOURS, "JPEG", progressive=True), ("red", "green", "blue")),
            (saved(COLOURS, "JPEG2000"), ("red", "green", "blue")),
            (saved(COLOURS, "JPEG2000", no_jp2=True), ("red", "green", "blue")),
            (saved(COLOURS, "WEBP", lossless=True), ("red", "green", "blue")),
        ],
    )
    def test_equal_pillow(self, tmp_path: Path, stored: bytes, bands: tuple[str, ...]) -> None:
        """Samples of every kind are Pillow's, sample by sample."""
        (tmp_path / "a.png").write_bytes(stored)
        source = open_source(str(tmp_path / "a.png"))
        found = source.read_tile(TileKey(0, 0, 0))

        assert source.pyramid.bands == bands
        assert found.data is not None
        np.testing.assert_array_equal(found.data, shown_by_pillow(stored))
        costs = [source.header, found.acquisition, source.read_tile(TileKey(0, 0, 0)).acquisition]
        assert sum(cost.transferred_bytes for cost in costs) == len(stored)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "JPEG2000", "WEBP"])
    def test_cut_files(self, tmp_path: Path, kind: str) -> None:
        """A picture that breaks off is told, with the way out; a JPEG is shown as far as it goes."""
        stored = saved(COLOURS, kind)
        (tmp_path / "a.png").write_bytes(stored[: len(stored) // 2])
        if kind == "JPEG":  # its decoder fills up what is missing, as every viewer does
            open_source(str(tmp_path / "a.png"))
            return
        with pytest.raises(
            CorruptImageError, match=r"a\.png: a picture that cannot be decoded.*; if"
        ):
            open_source(str(tmp_path / "a.png"))

    def test_too_large(self, tmp_path: Path) -> None:
        """A picture of 60,000 x 60,000 is refused before anything is decoded."""
        stored = bytearray(saved(COLOURS, "PNG"))
        stored[16:24] = (60_000).to_bytes(4, "big") * 2
        (tmp_path / "a.png").write_bytes(stored)

        with pytest.raises(CorruptImageError, match="it says that it holds"):
            open_source(str(tmp_path / "a.png"))

    @pytest.mark.shared
    def test_odd_jpeg_2000(self) -> None:
        """Every JPEG 2000 file of the odd ones opens with Pillow's size, or is told."""
        paths = sorted((SHARED / "odd_files/pillow").glob("*.j*"))
        if not paths:
            pytest.skip("the shared data are not here")
        num_open = 0
        for path in paths:
            try:
                pyramid = open_source(str(path)).pyramid
            except ImageError as error:
                assert str(path) in str(error)
                continue
            num_open += 1
            if path.name != "invalid_header_length.jp2":  # Pillow gives up on it
                with Image.open(path) as image:
                    assert (pyramid.width, pyramid.height) == image.size

        assert num_open > 10


class TestPng(SourceContract):
    @pytest.fixture
    def image(self, tmp_path: Path) -> tuple[Path, list[NDArray[Any]]]:
        """A colour picture."""
        COLOURS.save(tmp_path / "a.png")
        return tmp_path / "a.png", [np.moveaxis(np.asarray(COLOURS), 2, 0)]

    def test_costs_are_the_bytes_read(
        self, image: tuple[Path, list[NDArray[Any]]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file is read when it is opened, and never again: the first tile bears the cost."""
        source = open_source(str(image[0]))
        pread, read = os.pread, []
        monkeypatch.setattr(os, "pread", lambda *a: read.append(1) or pread(*a))
        first, again = (source.read_tile(TileKey(0, 0, 0)).acquisition for _ in range(2))

        assert first.requested_bytes == image[0].stat().st_size - source.header.index_bytes
        assert again.transferred_bytes == again.num_requests == 0
        assert not read
