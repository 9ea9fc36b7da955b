"""MIRAX through OpenSlide, against the pictures its JPEG images were made from and OpenSlide's own whole levels."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
from numpy.typing import NDArray

from pipeline.errors import (
    CorruptImageError,
    ImageChangedError,
    UnsupportedImageError,
)
from pipeline.images.openslide.files import fingerprint_of_openslide, is_openslide_file
from pipeline.images.openslide.source import OpenSlideSource
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile import FailedTile, Tile, TileKey
from pipeline.storage.acquisition import Acquisition
from tests.conftest import picture
from tests.mirax_files import write_mirax
from tests.pipeline.images import source_contract
from tests.pipeline.images.source_contract import SourceContract, all_keys

Image = tuple[Path, list[NDArray[Any]]]


def slide(tmp_path: Path, **options: Any) -> tuple[Path, list[NDArray[np.uint8]]]:
    """A MIRAX slide of three levels, and its (H, W, 3) levels as decoded one image after another."""
    path = tmp_path / "a.mrxs"
    return path, write_mirax(path, picture(256, 512), **options)


def oracle(path: Path) -> list[NDArray[Any]]:
    """(4, H, W) levels as OpenSlide reads them in one piece."""
    with openslide.OpenSlide(path) as one:
        sizes = one.level_dimensions
        found = [np.asarray(one.read_region((0, 0), i, size)) for i, size in enumerate(sizes)]
    return [np.moveaxis(level, 2, 0) for level in found]


class TestMirax(SourceContract):
    @pytest.fixture(autouse=True)
    def _opened_by_the_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source_contract, "open_source", OpenSlideSource)
        monkeypatch.setattr(
            source_contract, "fingerprint_of", lambda uri: fingerprint_of_openslide(Path(uri))
        )

    @pytest.fixture
    def image(self, tmp_path: Path) -> Image:
        path, _ = slide(tmp_path)
        return path, oracle(path)

    def test_scan_bytes_are_the_bytes_of_all_tiles(self, image: Image) -> None:
        """OpenSlide has no index to ask, so what a full scan costs is not known."""
        assert OpenSlideSource(str(image[0])).scan_bytes(0) is None

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts reads per thread")
    def test_costs_are_the_bytes_read(self, image: Image) -> None:
        """A tile on the grid costs its JPEG image, in whole blocks of the file; again when read again."""
        source = OpenSlideSource(str(image[0]))
        size = (image[0].with_suffix("") / "Data0000.dat").stat().st_size
        block = 4096
        for _ in range(2):
            costs = [source.read_tile(key).acquisition for key in all_keys(source)]
            read = sum(cost.transferred_bytes for cost in costs)

            assert size <= read <= size + 2 * block * len(costs)
            assert all(0 < cost.requested_bytes == cost.transferred_bytes for cost in costs)
            assert all(0 < cost.num_requests <= 3 for cost in costs)


class TestSlide:
    def test_levels_are_the_pictures(self, tmp_path: Path) -> None:
        """Colours are those that an independent decoder finds in the stored JPEG images, and all is valid."""
        path, levels = slide(tmp_path)
        source = OpenSlideSource(str(path))
        for key in all_keys(source):
            box = source.pyramid.levels[key.level].tile_region(key.row, key.col)
            data = source.read_tile(key).data

            assert data is not None
            expected = levels[key.level][box.y : box.bottom, box.x : box.right].astype(int)
            assert np.abs(data[:3].transpose(1, 2, 0) - expected).max() <= 2
            assert (data[3] == 255).all()

    def test_pixel_size_and_objective_are_told(self, tmp_path: Path) -> None:
        """Size of a pixel, bands, and how it was scanned are what the slide says."""
        pyramid = OpenSlideSource(str(slide(tmp_path)[0])).pyramid

        assert pyramid.pixel_size == PixelSize(0.5, 0.25, "um")
        assert pyramid.bands == ("red", "green", "blue", "alpha")
        assert pyramid.format == "mirax"
        assert dict(pyramid.metadata) == {"make": "mirax", "objective": "20"}

    def test_what_was_not_scanned_is_missing_and_free(self, tmp_path: Path) -> None:
        """A place without an image is missing by design and costs no byte; its neighbours are there."""
        path, _ = slide(tmp_path, holes={(1, 2)})
        source = OpenSlideSource(str(path))
        hole, beside = source.read_tile(TileKey(0, 1, 2)), source.read_tile(TileKey(0, 1, 3))

        assert hole.data is None
        assert hole.acquisition.transferred_bytes == hole.acquisition.num_requests == 0
        assert beside.data is not None


def ruin_one_image(path: Path) -> None:
    """Overwrite the start of one JPEG image of the finest level."""
    data = path.with_suffix("") / "Data0000.dat"
    stored = bytearray(data.read_bytes())
    start = stored.index(b"\xff\xd8\xff", len(stored) * 2 // 3)
    stored[start : start + 100] = bytes(100)
    data.write_bytes(stored)


class TestBrokenSlides:
    def test_a_broken_tile_harms_no_other(self, tmp_path: Path) -> None:
        """One damaged image fails its tile, told with place and way out; all others read on, in many threads."""
        path, _ = slide(tmp_path)
        whole = oracle(path)
        ruin_one_image(path)
        source = OpenSlideSource(str(path))
        keys = all_keys(source)
        with ThreadPoolExecutor(4) as pool:
            answers = [one for [one] in pool.map(lambda key: list(source.read_tiles([key])), keys)]
        failed = [one for one in answers if isinstance(one, FailedTile)]

        [one] = failed
        assert f"tile {one.key.row}, {one.key.col} of level 0" in str(one.error)
        assert "copy it again" in str(one.error)
        assert one.acquisition.transferred_bytes > 0
        for key, answer in zip(keys, answers, strict=True):
            box = source.pyramid.levels[key.level].tile_region(key.row, key.col)
            if answer is not one:
                assert isinstance(answer, Tile)
                assert answer.data is not None
                expected = whole[key.level][:, box.y : box.bottom, box.x : box.right]
                np.testing.assert_array_equal(answer.data, expected)

    def test_a_cut_slide_is_read_as_far_as_it_goes(self, tmp_path: Path) -> None:
        """Where the data file ends early, the tiles behind fail and those before are read."""
        path, _ = slide(tmp_path)
        data = path.with_suffix("") / "Data0000.dat"
        data.write_bytes(data.read_bytes()[: data.stat().st_size * 3 // 4])
        source = OpenSlideSource(str(path))
        answers = list(source.read_tiles(all_keys(source)))
        is_read = [isinstance(one, Tile) for one in answers if one.key.level == 0]

        assert is_read[0]
        assert not is_read[-1]
        assert sum(not one for one in is_read) <= len(is_read) // 2

    @pytest.mark.parametrize("name", ["Index.dat", "Slidedat.ini", "Data0000.dat"])
    def test_missing_parts_are_told(self, tmp_path: Path, name: str) -> None:
        """Of a slide without one of its files, the message says to copy all of them."""
        path, _ = slide(tmp_path)
        (path.with_suffix("") / name).unlink()

        with pytest.raises(
            (CorruptImageError, UnsupportedImageError), match=r"a\.mrxs.*with\s+all files"
        ):
            OpenSlideSource(str(path))

    def test_impossible_sizes_are_told(self, tmp_path: Path) -> None:
        """OpenSlide believes an overlap that makes a level narrower than nothing."""
        path, _ = slide(tmp_path)
        stated = path.with_suffix("") / "Slidedat.ini"
        stated.write_text(stated.read_text().replace("OVERLAP_X = 0", f"OVERLAP_X = {2**64}", 1))

        with pytest.raises(CorruptImageError, match=r"a\.mrxs: a level of .* px; .*copy it again"):
            OpenSlideSource(str(path))

    def test_no_slide_is_told(self, tmp_path: Path) -> None:
        """A file that only has the name of a slide is not supported."""
        path = tmp_path / "a.czi"
        path.write_bytes(b"no slide" * 100)

        with pytest.raises(UnsupportedImageError, match=r"a\.czi.*write it as"):
            OpenSlideSource(str(path))

    def test_a_slide_that_changes_is_told(self, tmp_path: Path) -> None:
        """Also a data file belongs to the slide: written to, the slide is another one."""
        path, _ = slide(tmp_path)
        source = OpenSlideSource(str(path))
        with (path.with_suffix("") / "Data0000.dat").open("ab") as data:
            data.write(b"more")

        with pytest.raises(ImageChangedError, match="changed while it was read"):
            source.read_tile(TileKey(0, 0, 0))


class TestWithoutOpenSlide:
    def test_the_extra_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where OpenSlide is not installed, the message says how to install it."""
        monkeypatch.setitem(sys.modules, "openslide", None)

        with pytest.raises(UnsupportedImageError, match=r"pip install 'foveate\[openslide\]'"):
            OpenSlideSource(str(tmp_path / "a.mrxs"))

    def test_far_slides_are_to_be_copied(self) -> None:
        """OpenSlide reads local files; a URL is told so."""
        with pytest.raises(UnsupportedImageError, match="local files only; copy it"):
            OpenSlideSource("https://example.org/a.mrxs")

    @pytest.mark.parametrize(
        ("name", "expected"), [("A.MRXS", True), ("a.vms", True), ("a.svs", False)]
    )
    def test_slides_are_known_by_name(self, name: str, expected: bool) -> None:
        """Only what is no TIFF is left to OpenSlide."""
        assert is_openslide_file(Path(name)) is expected

    def test_costs_are_zero_where_nothing_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the kernel's counters nothing is made up."""
        monkeypatch.setattr("pipeline.storage.thread_reads._COUNTERS", str(tmp_path / "none"))
        source = OpenSlideSource(str(slide(tmp_path)[0]))
        cost = source.read_tile(TileKey(0, 0, 0)).acquisition

        assert Acquisition(seconds=cost.seconds) == cost
