"""Chains of directories that never end."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pipeline.errors import CorruptImageError, ImageError, UnsupportedImageError
from pipeline.images.opening import open_source
from pipeline.images.tiff import directories
from pipeline.images.tile import FailedTile, TileKey
from tests.image_files import slide

pytestmark = pytest.mark.timeout(20)


def pages(path: Path, count: int) -> Path:
    """Pages of different sizes, so that none is part of another's series."""
    with tifffile.TiffWriter(path) as file:
        for number in range(count):
            file.write(np.zeros((16, 16 + number), np.uint8), metadata=None)
    return path


def lead_back(path: Path, to: int) -> Path:
    """Let the last directory be followed by the one of page `to`."""
    with tifffile.TiffFile(path) as file:
        offsets = [page.offset for page in file.pages]
        num_tags = len(file.pages[len(offsets) - 1].tags)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, offsets[-1] + 2 + 12 * num_tags, offsets[to])
    path.write_bytes(content)
    return path


class TestDirectories:
    def test_an_early_circle_is_cut(self, tmp_path: Path) -> None:
        """The image at the start of a short circle is read."""
        source = open_source(str(lead_back(pages(tmp_path / "a.tif", 3), 0)))

        assert (source.pyramid.height, source.pyramid.width) == (16, 16)

    def test_a_late_circle_is_refused(self, tmp_path: Path) -> None:
        """A circle that tifffile would follow for ever is an error of ours, with the file and the way out."""
        path = lead_back(pages(tmp_path / "a.tif", 130), 120)
        with pytest.raises(
            CorruptImageError, match=r"a\.tif: its directories go in a circle.*copy"
        ):
            open_source(str(path))

    def test_endless_directories_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only so many tags are looked at."""
        path = slide(tmp_path / "a.tif", 100, 100)
        monkeypatch.setattr(directories, "MAX_TAGS", 30)
        with pytest.raises(CorruptImageError, match="its directories hold"):
            open_source(str(path))

    def test_a_cut_chain_ends(self, tmp_path: Path) -> None:
        """A file that ends in the middle of its directories is refused or read, but never waited for."""
        path = pages(tmp_path / "a.tif", 4)
        whole = path.read_bytes()
        for count in range(8, len(whole), 97):
            path.write_bytes(whole[:count])
            try:
                open_source(str(path)).close()
            except ImageError as error:
                assert isinstance(error, CorruptImageError | UnsupportedImageError)


class TestKindOfTiles:
    def test_a_level_of_other_bands_is_a_failed_tile(self, tmp_path: Path) -> None:
        """A page that says that it has no samples gives tiles that cannot be read, not pixels of another shape."""
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as file:
            for number, side in enumerate((128, 64)):
                zeros = np.zeros((side, side), np.uint8)
                options = {"tile": (64, 64), "metadata": None}
                file.write(zeros, subfiletype=min(1, number), **options)
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages[1].tags["SamplesPerPixel"].overwrite(0)
        source = open_source(str(path))
        [answer] = source.read_tiles([TileKey(1, 0, 0)])
        assert isinstance(answer, FailedTile)
        assert "a.tif" in str(answer.error)
        assert "0 bands" in str(answer.error)
