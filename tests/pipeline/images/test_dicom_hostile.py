"""DICOM that is none, is something else, is broken, or claims what cannot be: always our own errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage

from pipeline.errors import (
    CorruptImageError,
    ImageChangedError,
    ImageError,
    StorageError,
    TileReadError,
    UnsupportedImageError,
)
from pipeline.images.dicom.files import is_dicom
from pipeline.images.dicom.source import DicomSource
from pipeline.images.tile import FailedTile, Tile, TileKey
from tests.conftest import picture
from tests.dicom_files import JPEG, JPEG_2000, JPEG_LS, RLE, Form, Slide, write_slide
from tests.image_files import halves
from tests.pipeline.images.source_contract import all_keys

LEVEL = picture(96, 144)
"""Of 3 x 3 tiles."""


def one_file(folder: Path, slide: Slide | None = None, **elements: Any) -> Path:
    """A slide of one level in one file."""
    [path] = write_slide(folder, [LEVEL], slide or Slide(), **elements)
    return path


class TestWhatIsDicom:
    def test_files_and_directories_are_known_by_their_start(self, tmp_path: Path) -> None:
        """A DICOM file is known without its name, a directory by what is in it; nothing else is."""
        path = one_file(tmp_path / "slide")
        unnamed = path.rename(path.with_name("I0001"))
        text = tmp_path / "a.dcm"
        text.write_text("no image" * 100)
        (tmp_path / "empty").mkdir()

        assert is_dicom(unnamed)
        assert is_dicom(unnamed.parent)
        assert not is_dicom(text)
        assert not is_dicom(tmp_path / "empty")
        assert not is_dicom(tmp_path)


class TestOtherDicom:
    def test_other_kinds_are_told(self, tmp_path: Path) -> None:
        """A picture of a body is no slide: the message says what it is and the way out, and what it cost is known."""
        path = one_file(tmp_path, SOPClassUID=CTImageStorage)

        with pytest.raises(UnsupportedImageError, match=r"CT Image Storage.*write other") as caught:
            DicomSource(str(path))
        assert caught.value.cost.transferred_bytes > 0

    def test_a_lone_label_is_told(self, tmp_path: Path) -> None:
        """A slide of which only the label is there has no level."""
        path = one_file(tmp_path, ImageType=["ORIGINAL", "PRIMARY", "LABEL", "NONE"])

        with pytest.raises(UnsupportedImageError, match="no level of a slide"):
            DicomSource(str(path))

    def test_two_slides_in_one_directory_are_told(self, tmp_path: Path) -> None:
        """Which one is meant is never guessed."""
        one_file(tmp_path).rename(tmp_path / "first.dcm")
        one_file(tmp_path)

        with pytest.raises(UnsupportedImageError, match="holds 2 slides; give one file"):
            DicomSource(str(tmp_path))

    def test_a_directory_without_dicom_is_told(self, tmp_path: Path) -> None:
        """An empty directory is no slide."""
        with pytest.raises(UnsupportedImageError, match="holds no DICOM files"):
            DicomSource(str(tmp_path))

    def test_far_slides_are_to_be_copied(self) -> None:
        """A URL is told so."""
        with pytest.raises(UnsupportedImageError, match="from a disk only; copy it"):
            DicomSource("https://example.org/a.dcm")

    def test_the_extra_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where wsidicom is not installed, the message says how to install it."""
        monkeypatch.setitem(sys.modules, "pipeline.images.dicom.opened", None)

        with pytest.raises(UnsupportedImageError, match=r"pip install 'foveate\[dicom\]'"):
            DicomSource(str(tmp_path))

    @pytest.mark.parametrize(
        "elements",
        [
            {"PhotometricInterpretation": "PALETTE COLOR"},
            {"PhotometricInterpretation": "YBR_FULL_422"},
            {"PixelRepresentation": 1},
            {"BitsAllocated": 16, "BitsStored": 16},
        ],
    )
    def test_unknown_forms_are_told(self, tmp_path: Path, elements: dict[str, Any]) -> None:
        """Samples that cannot be shown in true colours are refused, with a way out."""
        path = one_file(tmp_path, Slide(form=JPEG_LS), **elements)

        with pytest.raises(UnsupportedImageError, match=r"level0\.dcm.*write"):
            DicomSource(str(path))

    @pytest.mark.parametrize("has_table", [True, False])
    def test_frames_in_pieces_are_told(self, tmp_path: Path, has_table: bool) -> None:
        """A frame may lie in several fragments; such files are refused, with or without a table of frames."""
        frame = JPEG.encode(LEVEL[:32, :48])
        data = encapsulate([frame] * 9, fragments_per_frame=2, has_bot=has_table)
        path = one_file(tmp_path, Slide(form=JPEG), PixelData=data)

        with pytest.raises(ImageError, match=r"fragment.*write it again"):
            DicomSource(str(path))


class TestClaims:
    @pytest.mark.parametrize(
        "elements",
        [
            {"TotalPixelMatrixRows": 2**31, "TotalPixelMatrixColumns": 2**31},
            {"NumberOfFrames": 2**31 - 1},
            {"TotalPixelMatrixFocalPlanes": 2**31},
            {"Rows": 65535, "Columns": 65535},
            {"Rows": 0},
            {"TotalPixelMatrixRows": 0},
        ],
    )
    @pytest.mark.parametrize("is_full", [True, False])
    def test_sizes_that_cannot_be_are_told(
        self, tmp_path: Path, elements: dict[str, Any], is_full: bool
    ) -> None:
        """A damaged count costs neither memory nor time."""
        path = one_file(tmp_path, Slide(is_full=is_full), **elements)

        with pytest.raises(ImageError, match=r"level0\.dcm"):
            DicomSource(str(path))

    @pytest.mark.parametrize("form", [JPEG, JPEG_2000, JPEG_LS])
    def test_a_frame_that_claims_too_much_fails_alone(self, tmp_path: Path, form: Form) -> None:
        """No codec sets memory aside for a size that only the frame claims."""
        marker = {
            JPEG.syntax: b"\xff\xc0",
            JPEG_2000.syntax: b"\xff\x51",
            JPEG_LS.syntax: b"\xff\xf7",
        }
        path = one_file(tmp_path, Slide(form=form))
        stored = bytearray(path.read_bytes())
        at = stored.index(marker[form.syntax], stored.index(form.encode(LEVEL[:32, :48])[:32]))
        place, size = (
            (at + 6, b"\0\1\0\0\0\1\0\0") if form is JPEG_2000 else (at + 5, b"\xff\xdc" * 2)
        )
        stored[place : place + len(size)] = size
        path.write_bytes(stored)
        source = DicomSource(str(path))
        answers = list(source.read_tiles(all_keys(source)))

        assert [isinstance(one, FailedTile) for one in answers] == [True] + 8 * [False]

    def test_a_frame_of_another_size_fails(self, tmp_path: Path) -> None:
        """A frame that would decode well, but not to the size of a tile, is no tile."""
        other = imagecodecs.jpeg8_encode(LEVEL[:16, :16])
        data = encapsulate([other, *[JPEG.encode(LEVEL[:32, :48])] * 8])
        path = one_file(tmp_path, Slide(form=JPEG), PixelData=data)

        with pytest.raises(TileReadError, match=r"tile 0, 0 of level 0.*holds 768 samples"):
            DicomSource(str(path)).read_tile(TileKey(0, 0, 0))

    def test_run_lengths_that_lead_elsewhere_fail_alone(self, tmp_path: Path) -> None:
        """A damaged table of segments is never followed out of its frame."""
        path = one_file(tmp_path, Slide(form=RLE))
        stored = path.read_bytes()
        start = stored.index(RLE.encode(LEVEL[:32, :48])[:32])
        rng = np.random.default_rng(0)
        for _ in range(100):
            damaged = bytearray(stored)
            damaged[start + int(rng.integers(16))] ^= int(rng.integers(1, 256))
            path.write_bytes(damaged)
            source = DicomSource(str(path))
            answers = list(source.read_tiles(all_keys(source)))

            assert [isinstance(one, FailedTile) for one in answers[1:]] == 8 * [False]

    def test_frames_outside_the_image_are_told(self, tmp_path: Path) -> None:
        """A sparse slide whose frames say that they lie elsewhere is corrupt."""
        path = one_file(tmp_path, Slide(is_full=False), TotalPixelMatrixRows=40)

        with pytest.raises(CorruptImageError, match="lie outside the image"):
            DicomSource(str(path))


class TestDamage:
    def test_a_cut_file_is_read_as_far_as_it_goes(self, tmp_path: Path) -> None:
        """Frames behind the end fail, with place and way out; those before are exact."""
        path = one_file(tmp_path, Slide(form=JPEG_2000))
        stored = path.read_bytes()
        source = DicomSource(str(path))
        offsets = source._structure.planes[0][0].offsets
        source.close()
        path.write_bytes(stored[: int(offsets[6])])
        with pytest.raises(CorruptImageError):  # the length of the last frame stands before it
            DicomSource(str(path))
        path.write_bytes(stored[: int(offsets[8])])
        source = DicomSource(str(path))
        *answers, last = source.read_tiles(all_keys(source))

        assert isinstance(last, FailedTile)
        assert "tile 2, 2 of level 0" in str(last.error)
        assert "copy it again" in str(last.error)
        for one in answers:
            assert isinstance(one, Tile)
            box = source.pyramid.levels[0].tile_region(one.key.row, one.key.col)
            expected = LEVEL[box.y : box.bottom, box.x : box.right].transpose(2, 0, 1)
            np.testing.assert_array_equal(one.data, expected)

    @pytest.mark.parametrize("slide", [Slide(), Slide(form=JPEG, is_full=False, table="none")])
    def test_any_damage_is_our_own_error(self, tmp_path: Path, slide: Slide) -> None:
        """Whatever byte of the headers is another one, opening and reading end well or in our errors."""
        path = one_file(tmp_path, slide)
        stored = path.read_bytes()
        rng = np.random.default_rng(0)
        for at in rng.integers(0, min(len(stored), 4000), 200):
            damaged = bytearray(stored)
            damaged[at] = rng.integers(256)
            path.write_bytes(damaged)
            try:
                source = DicomSource(str(path))
            except (ImageError, StorageError):
                continue
            for answer in source.read_tiles(all_keys(source)[:20]):
                assert isinstance(answer, Tile | FailedTile)
            source.close()

    def test_a_file_that_changes_is_told(self, tmp_path: Path) -> None:
        """Pixels of another version of a file never pass for those of this one."""
        finest, _ = write_slide(tmp_path, halves(LEVEL, 2), Slide())
        source = DicomSource(str(tmp_path))
        with finest.open("ab") as file:
            file.write(b"more")

        with pytest.raises(ImageChangedError, match="changed while it was read"):
            source.read_tile(TileKey(0, 0, 0))

    def test_a_file_that_goes_fails_its_tiles(self, tmp_path: Path) -> None:
        """A level that is taken away fails; the others are read."""
        finest, _ = write_slide(tmp_path, halves(LEVEL, 2), Slide())
        source = DicomSource(str(tmp_path))
        finest.unlink()
        gone, there = source.read_tiles([TileKey(0, 0, 0), TileKey(1, 0, 0)])

        assert isinstance(gone, FailedTile)
        assert "has gone" in str(gone.error)
        assert isinstance(there, Tile)
