"""Which files are one slide, and what its levels are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from pipeline.images.dicom.source import DicomSource
from pipeline.images.pyramid import PixelSize
from tests.conftest import picture
from tests.dicom_files import (
    Slide,
    new_series,
    write_level,
    write_slide,
)
from tests.image_files import halves
from tests.pipeline.images.whole_level import channels_first, whole


class TestStructure:
    def test_pixel_size_is_in_micrometres(self, tmp_path: Path) -> None:
        """Millimetres down and across become micrometres; how it was made is told, of whom is not."""
        [path, _] = write_slide(tmp_path / "slide", halves(picture(100, 100), 2), Slide())
        pyramid = DicomSource(str(tmp_path / "slide")).pyramid

        assert pydicom.dcmread(path).PatientName == "Nobody^Anna"
        assert "Anna" not in repr(pyramid)
        assert pyramid.pixel_size == PixelSize(0.5, 0.25, "um")
        assert pyramid.format == "dicom"
        assert pyramid.metadata == (("make", "foveate tests"),)

    def test_one_file_stands_for_its_slide(self, tmp_path: Path) -> None:
        """Any file of a slide opens all of it, and only it, also beside other slides and other files."""
        one, other = halves(picture(100, 140), 3), halves(picture(64, 64, seed=1), 2)
        folder = tmp_path / "both"
        [*_, coarsest] = write_slide(folder, one, Slide())
        write_slide(tmp_path / "other", other, Slide())
        for index, path in enumerate((tmp_path / "other").iterdir()):
            path.rename(folder / f"other{index}.dcm")
        (folder / "notes.txt").write_text("none of it")
        (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(200)))
        source = DicomSource(str(coarsest))

        assert [(level.height, level.width) for level in source.pyramid.levels] == [
            (100, 140),
            (50, 70),
            (25, 35),
        ]
        np.testing.assert_array_equal(whole(source, 0), channels_first(one[0]))

    def test_labels_and_overviews_are_left_out(self, tmp_path: Path) -> None:
        """Other pictures of the slide are no levels; a file of one opens the slide all the same."""
        level = picture(100, 140)
        slide = Slide(series=new_series())
        write_slide(tmp_path, [level], slide)
        extra = [("label", "LABEL"), ("overview", "OVERVIEW"), ("thumbnail", "THUMBNAIL")]
        for name, kind in extra:
            kinds = ["ORIGINAL", "PRIMARY", kind, "NONE"]
            path = tmp_path / f"{name}.dcm"
            write_level(path, level[::4, ::4], level, slide, series=slide.series, ImageType=kinds)
        source = DicomSource(str(tmp_path / "label.dcm"))

        assert source.pyramid.levels == DicomSource(str(tmp_path)).pyramid.levels
        assert len(source.pyramid.levels) == 1

    def test_a_detail_at_full_resolution_is_no_level(self, tmp_path: Path) -> None:
        """A smaller image of the same form and corner with equally small pixels shows a part, not all."""
        level = picture(200, 280)
        slide = Slide(series=new_series())
        write_slide(tmp_path, [level, level[::2, ::2]], slide)
        part = level[:50, :70]
        write_level(tmp_path / "part.dcm", part, part, slide, series=slide.series)

        assert [one.height for one in DicomSource(str(tmp_path)).pyramid.levels] == [200, 100]

    def test_levels_need_not_be_halves(self, tmp_path: Path) -> None:
        """Any factor between levels is fine, and exact."""
        level = picture(300, 400)
        write_slide(tmp_path, [level, level[::3, ::3], level[::10, ::10]], Slide())
        scales = [one.downsample_y for one in DicomSource(str(tmp_path)).pyramid.levels]

        assert scales == [1.0, 3.0, 10.0]

    def test_focal_planes_show_the_middle(self, tmp_path: Path) -> None:
        """Of a stack, the plane in the middle is shown."""
        stack = [picture(64, 96, seed=seed) for seed in range(3)]
        slide = Slide(series=new_series(), tile=(64, 96), is_full=False)
        for number, level in enumerate(stack):
            origin = Dataset()
            origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 0
            place = Dataset()
            place.ZOffsetInSlideCoordinateSystem = float(number)
            place.RowPositionInTotalImagePixelMatrix = 1
            place.ColumnPositionInTotalImagePixelMatrix = 1
            group = Dataset()
            group.PlanePositionSlideSequence = [place]
            write_level(
                tmp_path / f"{number}.dcm",
                level,
                level,
                slide,
                series=slide.series,
                PerFrameFunctionalGroupsSequence=[group],
            )

        np.testing.assert_array_equal(
            whole(DicomSource(str(tmp_path)), 0), channels_first(stack[1])
        )
