"""Sparse, damaged and hostile TIFFs: missing, failed and refused are three different things."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from pipeline.errors import CorruptImageError, TileReadError, UnsupportedImageError
from pipeline.images.opening import open_source
from pipeline.images.tile import TileKey
from tests.conftest import picture
from tests.image_files import slide, write_pyramid_tiff
from tests.pipeline.images.source_contract import all_keys


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

    def test_focal_planes_are_refused(self, tmp_path: Path) -> None:
        """A stack is not silently looked at in one of its planes."""
        path = tmp_path / "a.ome.tif"
        stack = np.zeros((5, 64, 64), np.uint8)
        tifffile.imwrite(path, stack, ome=True, metadata={"axes": "ZYX"})

        with pytest.raises(UnsupportedImageError, match=r"its axes are ZYX"):
            open_source(str(path))

    def test_bands_of_different_bits_are_refused(self, tmp_path: Path) -> None:
        """An image whose bands have 8, 8 and 16 bits is a form that is not supported, not a damaged file."""
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(64, 64, bands=3), photometric="rgb", metadata=None)
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            tiff.pages[0].tags["BitsPerSample"].overwrite((8, 8, 16))

        with pytest.raises(UnsupportedImageError, match=r"samples of \(8, 8, 16\) bits"):
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


def first_tag(path: Path, code: int) -> tuple[int, int]:
    """Where the first page's values of a tag lie, and the bytes of one value."""
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[code]
        return tag.valueoffset, {3: 2, 4: 4}[int(tag.dtype)]


def erase(path: Path, index: int) -> None:
    """Offset and byte count of one segment become 0, as sparse writers leave them."""
    with tifffile.TiffFile(path) as file:
        codes = (324, 325) if file.pages[0].is_tiled else (273, 279)
    for place, size in [first_tag(path, code) for code in codes]:
        with path.open("r+b") as raw:
            raw.seek(place + index * size)
            raw.write(b"\0" * size)


class TestSparse:
    def test_missing_tiles_are_missing_by_design(self, tmp_path: Path) -> None:
        """A sparse file stores nothing for empty tiles: that is no failure."""
        path = write_pyramid_tiff(
            tmp_path / "a.tif", [picture(128, 128)], photometric="rgb", tile=(64, 64)
        )
        erase(path, 1)
        source = open_source(str(path))

        assert source.read_tile(TileKey(0, 0, 1)).data is None
        assert source.read_tile(TileKey(0, 0, 0)).data is not None

    def test_missing_raw_images_are_not_the_header(self, tmp_path: Path) -> None:
        """Nothing stored at offset 0 must not pass for pixels: there lies the file's own header."""
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(64, 64, bands=1)[:, :, 0], metadata=None)
        erase(path, 0)
        source = open_source(str(path))

        assert source.read_tile(TileKey(0, 0, 0)).data is None
        assert source.scan_bytes(0) == 0

    def test_a_missing_band_is_no_data(self, tmp_path: Path) -> None:
        """Where one of two bands is stored, the other holds the "no data" value."""
        path = tmp_path / "a.tif"
        bands = np.moveaxis(picture(128, 128, bands=2), 2, 0)  # (C, H, W)
        tifffile.imwrite(
            path,
            bands,
            photometric="minisblack",
            planarconfig="separate",
            tile=(64, 64),
            compression="deflate",
            metadata=None,
            extratags=[(42113, "s", 0, "7", True)],
        )
        erase(path, 1)
        tile = open_source(str(path)).read_tile(TileKey(0, 0, 1))

        assert tile.data is not None
        np.testing.assert_array_equal(tile.data[1], bands[1, :64, 64:])
        assert (tile.data[0] == 7).all()
        assert tile.acquisition.num_requests == 1


class TestHostile:
    def test_bit_order_is_kept(self, tmp_path: Path) -> None:
        """Raw bytes that are stored with their bits turned round are turned back."""
        path = tmp_path / "a.tif"
        stored = picture(40, 40, bands=1)[:, :, 0]
        tifffile.imwrite(path, stored, metadata=None)
        with tifffile.TiffFile(path) as file:
            tag = file.pages[0].tags[296]  # resolution unit: nobody misses it
        with path.open("r+b") as raw:
            raw.seek(tag.offset)
            raw.write((266).to_bytes(2, "little"))
            raw.seek(tag.valueoffset)
            raw.write((2).to_bytes(2, "little"))
        data = open_source(str(path)).read_tile(TileKey(0, 0, 0)).data
        turned = np.packbits(np.unpackbits(stored[..., None], axis=2)[..., ::-1], axis=2)[..., 0]

        np.testing.assert_array_equal(data, turned[None])

    def test_a_jpeg_that_says_it_is_huge(self, tmp_path: Path) -> None:
        """A tile whose header asks for gigabytes is an error before it is decoded."""
        path = slide(tmp_path / "a.tif")
        data = bytearray(path.read_bytes())
        with tifffile.TiffFile(path) as file:
            start = file.pages[0].dataoffsets[0]
        frame = data.find(b"\xff\xc0", start)
        data[frame + 5 : frame + 9] = b"\xff\xdc\xff\xdc"
        path.write_bytes(data)

        with pytest.raises(TileReadError, match="12870750000 samples"):
            open_source(str(path)).read_tile(TileKey(0, 0, 0))

    def test_forms_that_cannot_be_decoded_are_refused_at_once(self, tmp_path: Path) -> None:
        """A codec that nobody knows is known at opening, not at each tile."""
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(40, 40), photometric="rgb", metadata=None)
        place, _ = first_tag(path, 259)
        with path.open("r+b") as raw:
            raw.seek(place)
            raw.write((52479).to_bytes(2, "little"))

        with pytest.raises(UnsupportedImageError, match="its codec 52479 is not known"):
            open_source(str(path))

    @pytest.mark.parametrize("code", [322, 323])
    def test_tiles_without_pixels_are_refused(self, tmp_path: Path, code: int) -> None:
        """A tile of no rows or columns is a corrupt image."""
        path = write_pyramid_tiff(
            tmp_path / "a.tif", [picture(128, 128)], photometric="rgb", tile=(64, 64)
        )
        place, size = first_tag(path, code)
        with path.open("r+b") as raw:
            raw.seek(place)
            raw.write(b"\0" * size)

        with pytest.raises(CorruptImageError):
            open_source(str(path))

    def test_extra_pages_are_no_levels(self, tmp_path: Path) -> None:
        """A reduced page of other proportions or samples is not this image, smaller."""
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as file:
            for level in (picture(128, 128), picture(64, 60), picture(32, 32)):
                kind = 0 if level.shape[0] == 128 else 1
                file.write(level, subfiletype=kind, photometric="rgb", metadata=None)
            file.write(picture(16, 16)[:, :, 0], subfiletype=1, metadata=None)

        assert [one.width for one in open_source(str(path)).pyramid.levels] == [128, 32]
