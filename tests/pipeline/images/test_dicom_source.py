"""DICOM slides in their many forms, against the samples they were made of and what OpenSlide and wsidicom read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import wsidicom
from numpy.typing import NDArray
from pydicom.pixels.processing import convert_color_space

from pipeline.images.dicom.series import fingerprint_of_dicom
from pipeline.images.dicom.source import DicomSource
from pipeline.images.pyramid import PixelSize
from pipeline.images.tile import FailedTile
from tests.conftest import picture
from tests.dicom_files import (
    JPEG,
    JPEG_2000,
    JPEG_LS,
    JPEG_RGB,
    PLAIN,
    RLE,
    Form,
    Slide,
    new_series,
    write_level,
    write_slide,
)
from tests.image_files import halves
from tests.pipeline.images import source_contract
from tests.pipeline.images.source_contract import SourceContract, all_keys
from tests.pipeline.images.whole_level import channels_first, whole

Image = tuple[Path, list[NDArray[Any]]]


class DicomContract(SourceContract):
    """The contract, with the class instead of `open_source`."""

    @pytest.fixture(autouse=True)
    def _opened_by_the_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source_contract, "open_source", DicomSource)
        monkeypatch.setattr(
            source_contract, "fingerprint_of", lambda uri: fingerprint_of_dicom(Path(uri))
        )


LOSSLESS: dict[str, Slide] = {
    "plain": Slide(),
    "plain_sparse": Slide(is_full=False),
    "jpeg_2000": Slide(form=JPEG_2000),
    "jpeg_2000_sparse": Slide(form=JPEG_2000, is_full=False),
    "jpeg_ls": Slide(form=JPEG_LS, table="extended"),
    "rle": Slide(form=RLE, table="none"),
    "no_pixel_size": Slide(spacing_mm=None),
}


class TestColours(DicomContract):
    @pytest.fixture(params=LOSSLESS)
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        levels = halves(picture(150, 211), 3)
        write_slide(tmp_path / "slide", levels, LOSSLESS[request.param])
        return tmp_path / "slide", [channels_first(level) for level in levels]


class TestGray(DicomContract):
    @pytest.fixture(params=["plain", "jpeg_2000", "jpeg_ls", "8 bits", "8 bits rle"])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        forms = {"jpeg_2000": JPEG_2000, "jpeg_ls": JPEG_LS, "8 bits rle": RLE}
        levels = [level[:, :, 0] for level in halves(picture(90, 130), 2)]
        if "8 bits" not in request.param:
            levels = [level.astype(np.uint16) * 200 for level in levels]
        write_slide(tmp_path / "slide", levels, Slide(form=forms.get(request.param, PLAIN)))
        return tmp_path / "slide" / "level1.dcm", [channels_first(level) for level in levels]

    def test_one_channel_is_gray(self, image: Image) -> None:
        """A single optical path needs no name."""
        assert DicomSource(str(image[0])).pyramid.bands == ("gray",)


class TestChannels(DicomContract):
    @pytest.fixture(params=[True, False])
    def image(self, request: pytest.FixtureRequest, tmp_path: Path) -> Image:
        bands = [np.moveaxis(level, 2, 0) for level in halves(picture(90, 130, bands=4), 2)]
        paths = {"2": "CD3", "10": "", "1": "DAPI", "3": "CD3"}
        slide = Slide(form=JPEG_LS, is_full=request.param, paths=paths)
        write_slide(tmp_path / "slide", bands, slide)
        return tmp_path / "slide", [level[[2, 0, 3, 1]] for level in bands]

    def test_channels_have_their_names(self, image: Image) -> None:
        """Bands are in the order of their identifiers, and called what the file calls them."""
        bands = DicomSource(str(image[0])).pyramid.bands

        assert bands == ("DAPI", "CD3 (2)", "CD3 (3)", "path_10")

    def test_levels_have_all_channels(self, tmp_path: Path) -> None:
        """A smaller image that lacks an optical path is no level; files of one path each make one level."""
        bands = np.moveaxis(picture(90, 130, bands=2), 2, 0)
        slide = Slide(series=new_series(), paths={"1": "DAPI"})
        other = Slide(series=slide.series, paths={"2": "CD3"})
        write_level(tmp_path / "1.dcm", bands[:1], bands, slide, series=slide.series)
        write_level(tmp_path / "2.dcm", bands[1:], bands, other, series=slide.series)
        write_level(tmp_path / "3.dcm", bands[:1, ::2, ::2], bands, slide, series=slide.series)
        source = DicomSource(str(tmp_path))

        assert source.pyramid.bands == ("DAPI", "CD3")
        assert len(source.pyramid.levels) == 1
        np.testing.assert_array_equal(whole(source, 0), bands)


class TestTiles:
    @pytest.mark.parametrize("paths", [None, {"1": "DAPI", "2": "CD3"}])
    def test_sparse_tiles_are_missing_by_design(
        self, tmp_path: Path, paths: dict[str, str] | None
    ) -> None:
        """A tile that no frame belongs to is missing, free, and not counted in a scan; the others are there."""
        level = picture(96, 144)
        stored = np.moveaxis(level[:, :, :2], 2, 0) if paths else level
        holes = {(0, 0), (2, 1)}
        write_slide(tmp_path, [stored], Slide(is_full=False, paths=paths), holes=holes)
        source = DicomSource(str(tmp_path))
        answers = [source.read_tile(key) for key in all_keys(source)]
        read = sum(one.acquisition.transferred_bytes for one in answers)

        assert {one.key[1:] for one in answers if one.data is None} == holes
        assert read == source.scan_bytes(0) == (9 - 2) * 32 * 48 * (2 if paths else 3)

    @pytest.mark.parametrize("is_full", [True, False])
    def test_concatenations_are_one_image(self, tmp_path: Path, is_full: bool) -> None:
        """A level in several files is one; a file that is not there fails its tiles, and no others."""
        level = picture(96, 144)
        slide = Slide(form=JPEG_2000, is_full=is_full, series=new_series())
        for part in (slice(0, 4), slice(4, 7), slice(7, 9)):
            path = tmp_path / f"part{part.start}.dcm"
            write_level(path, level, level, slide, series=slide.series, frames=part)
        np.testing.assert_array_equal(whole(DicomSource(str(tmp_path)), 0), channels_first(level))
        (tmp_path / "part4.dcm").unlink()
        source = DicomSource(str(tmp_path))
        failed = [
            one
            for one in source.read_tiles(all_keys(source))
            if isinstance(one, FailedTile) or one.data is None
        ]

        assert [one.key[1:] for one in failed] == [(1, 1), (1, 2), (2, 0)]
        if is_full:  # sparse files do not say what should be there
            assert isinstance(failed[0], FailedTile)
            assert "is not there" in str(failed[0].error)

    @pytest.mark.parametrize("form", [JPEG, JPEG_RGB, JPEG_2000, PLAIN])
    @pytest.mark.parametrize("table", ["basic", "extended", "none"])
    def test_colours_are_what_others_see(self, tmp_path: Path, form: Form, table: str) -> None:
        """Tiles are those of OpenSlide's own DICOM reader and of wsidicom, also where they are lossy."""
        level = picture(96, 144)
        [path] = write_slide(tmp_path, [level], Slide(form=form, table=table))
        found = whole(DicomSource(str(path)), 0).transpose(1, 2, 0).astype(int)
        with wsidicom.WsiDicom.open(tmp_path) as slide:
            theirs = np.asarray(slide.read_region((0, 0), 0, (144, 96)))
        with openslide.OpenSlide(path) as slide:
            others = np.asarray(slide.read_region((0, 0), 0, (144, 96)))

        assert np.abs(found - level).max() < (1 if form.is_lossless else 40)
        np.testing.assert_array_equal(found, theirs)
        np.testing.assert_array_equal(found, others[:, :, :3])

    def test_ybr_without_a_jpeg_becomes_rgb(self, tmp_path: Path) -> None:
        """Luminance and colour differences, stored by a codec that does not know of colours, are shown as colours."""
        level = picture(64, 96)
        stored = convert_color_space(level, "RGB", "YBR_FULL")
        form = Form(syntax=RLE.syntax, encode=RLE.encode, colours="YBR_FULL")
        write_slide(tmp_path, [stored], Slide(form=form))
        found = whole(DicomSource(str(tmp_path)), 0).transpose(1, 2, 0)

        assert np.abs(found.astype(int) - level).max() <= 2


@pytest.mark.shared
class TestRealSlide:
    def test_a_slide_of_openslide_is_what_openslide_sees(self, shared: Path) -> None:
        """A file that others wrote has their sizes and colours; the overview beside it is left out."""
        path = shared / "odd_files" / "openslide" / "boxes_0.dcm"
        source = DicomSource(str(path))
        with openslide.OpenSlide(path) as slide:
            expected = np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[:, :, :3]

        assert len(source.pyramid.levels) == 1
        assert source.pyramid.pixel_size == PixelSize(0.499, 0.499, "um")
        np.testing.assert_array_equal(whole(source, 0).transpose(1, 2, 0), expected)
