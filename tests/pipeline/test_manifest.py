"""Rules of the list of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ManifestError
from pipeline.image_list import read_images
from pipeline.images.pyramid import PixelSize


def written(path: Path, text: str) -> str:
    """A manifest on disk."""
    path.write_text(text, encoding="utf-8")
    return str(path)


class TestManifest:
    def test_ids_are_text(self, tmp_path: Path) -> None:
        """Leading zeros of an id survive."""
        manifest = read_images(
            [written(tmp_path / "m.csv", "sample_id,image_path\n007,a.tif\n7,b.tif\n")]
        )

        assert [record.sample_id for record in manifest.records] == ["007", "7"]

    def test_relative_paths_are_relative_to_the_manifest(self, tmp_path: Path) -> None:
        """A relative image_path is looked for beside the manifest; a URL stays as it is."""
        text = "image_path\nimages/a.tif\ns3://bucket/b.tif\n"
        manifest = read_images([written(tmp_path / "m.csv", text)])

        assert [record.image_path for record in manifest.records] == [
            str(tmp_path / "images/a.tif"),
            "s3://bucket/b.tif",
        ]

    def test_blanks_after_the_commas_of_a_header(self, tmp_path: Path) -> None:
        """As people write them: they belong to no name."""
        [record] = read_images(
            [written(tmp_path / "m.csv", "label, image_path\ncat, a.tif\n")]
        ).records

        assert (record.label, record.image_path) == ("cat", str(tmp_path / "a.tif"))

    def test_a_comma_without_quotes_is_told(self, tmp_path: Path) -> None:
        """A path cut in two by its comma is no other path with another label; empty cells at the end are nothing."""
        with pytest.raises(ManifestError, match=r"row 2 .* 'tumor' belongs to none"):
            read_images(
                [written(tmp_path / "m.csv", "image_path,label\na.tif,x,\nslide, 1.svs,tumor\n")]
            )

    def test_types_of_parquet_are_text(self, tmp_path: Path) -> None:
        """Classes and ids that became floats beside an empty cell, NaN for nothing, and names as bytes."""
        pq.write_table(
            pa.table(
                {
                    "image_path": [b"a.tif", b"b.tif"],
                    "sample_id": [7.0, 8.0],
                    "label": pa.array([3.0, None]),
                    "mpp": [0.25, float("nan")],
                }
            ),
            tmp_path / "m.parquet",
        )
        first, second = read_images([str(tmp_path / "m.parquet")]).records

        assert (first.sample_id, first.label, first.pixel_size) == (
            "7",
            "3",
            PixelSize(0.25, 0.25, "um"),
        )
        assert (second.image_path, second.label, second.pixel_size) == (
            str(tmp_path / "b.tif"),
            None,
            None,
        )

    @pytest.mark.parametrize(
        ("header", "row"),
        [
            ("wsi,mpp", "a.tif,0.25"),
            ("FILENAME,spacing_at_level_0", "a.tif,0.25"),
            ("image_path,MPP", "a.tif,0.25"),
        ],
    )
    def test_names_of_other_tools_are_understood(
        self, tmp_path: Path, header: str, row: str
    ) -> None:
        """The columns of other tools mean the same here."""
        [record] = read_images([written(tmp_path / "m.csv", f"{header}\n{row}\n")]).records

        assert record.image_path == str(tmp_path / "a.tif")
        assert record.pixel_size == PixelSize(0.25, 0.25, "um")

    def test_own_names_win_over_aliases(self, tmp_path: Path) -> None:
        """A column `slide` beside `sample_id` is no id, and is reported as without meaning."""
        text = "sample_id,image_path,slide,organ\n1,a.tif,HE,liver\n2,b.tif,HE,skin\n"
        manifest = read_images([written(tmp_path / "m.csv", text)])

        assert [record.sample_id for record in manifest.records] == ["1", "2"]
        assert manifest.ignored_columns == ("slide", "organ")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("sample_id,image_path\n1,a.tif\n1,b.tif\n", r"'1' \(2 times\)"),
            ("sample_id,imagepath\n1,a.tif\n", "is 'imagepath' meant"),
            ("id,file\n1,a.tif\n", "no column 'image_path'"),
            ("image_path\n", "no rows"),
            ("", "no column 'image_path'"),
            ("sample_id,image_path\n1,\n", "row 1 has no image_path"),
            ("image_path,mpp\na.tif,fine\n", "row 1: mpp is 'fine'"),
            ("image_path,mpp\na.tif,-1\n", "above 0"),
            ("image_path,mpp,gsd\na.tif,1,1\n", "both mpp and pixel_size_m"),
        ],
    )
    def test_unusable_lists_are_refused(self, tmp_path: Path, text: str, problem: str) -> None:
        """A list that cannot be used names the file, the row or column, and the way out."""
        with pytest.raises(ManifestError, match=problem):
            read_images([written(tmp_path / "m.csv", text)])

    def test_parquet_and_csv_say_the_same(self, tmp_path: Path) -> None:
        """A Parquet manifest with text, numbers and nulls gives the records of its CSV twin."""
        table = pa.table({"sample_id": ["01", "02"], "image_path": ["a", "b"], "mpp": [0.5, None]})
        pq.write_table(table, tmp_path / "m.parquet")
        csv = written(tmp_path / "m.csv", "sample_id,image_path,mpp\n01,a,0.5\n02,b,\n")

        assert read_images([str(tmp_path / "m.parquet")]) == read_images([csv])

    def test_directories_are_searched_below(self, tmp_path: Path) -> None:
        """Images in sub-directories are found; other files and the insides of a Zarr are not."""
        for name in ("a.svs", "deep/b.TIF", "notes.txt", "c.zarr/zarr.json", "c.zarr/0/x.tif"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        found = {record.image_path for record in read_images([str(tmp_path)]).records}

        assert found == {str(tmp_path / name) for name in ("a.svs", "deep/b.TIF", "c.zarr")}

    def test_equal_file_names_get_different_ids(self, tmp_path: Path) -> None:
        """Where two files have one name their ids are their paths."""
        for name in ("one/a.tif", "two/a.tif", "b.tif"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        ids = [record.sample_id for record in read_images([str(tmp_path)]).records]

        assert ids == ["b", str(tmp_path / "one/a.tif"), str(tmp_path / "two/a.tif")]

    def test_empty_directories_and_patterns_are_refused(self, tmp_path: Path) -> None:
        """Nothing found is wrong use, not an empty run."""
        with pytest.raises(ManifestError, match="no image in it"):
            read_images([str(tmp_path)])
        with pytest.raises(ManifestError, match="no file matches"):
            read_images([str(tmp_path / "*.svs")])

    def test_a_missing_file_stays_in_the_list(self, tmp_path: Path) -> None:
        """A named file that is not there keeps its row, to fail as an image."""
        [record] = read_images([str(tmp_path / "gone.tif")]).records

        assert record.sample_id == "gone"

    def test_links_back_up_are_followed_once(self, tmp_path: Path) -> None:
        """A link to a directory above it does not show the images again."""
        (tmp_path / "deep").mkdir()
        (tmp_path / "a.tif").touch()
        (tmp_path / "deep" / "up").symlink_to(tmp_path)

        assert len(read_images([str(tmp_path)]).records) == 1

    def test_ids_are_never_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One image spelled twice is one; where an id would be another's path each has its own path."""
        monkeypatch.chdir(tmp_path)
        names = ["a.tif", "a.png", "a.tif.png", "./a.tif"]
        for name in names:
            (tmp_path / name).touch()
        ids = [record.sample_id for record in read_images(names).records]

        assert ids == ["a.tif", "a.png", "a.tif.png"]

    def test_a_directory_that_cannot_be_searched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is told with the way out; a name that no disk takes fails as its own row."""

        def closed(_: Path) -> Iterator[Path]:
            raise PermissionError("closed")

        [long] = read_images(["x" * 5000]).records
        monkeypatch.setattr(Path, "iterdir", closed)

        assert long.sample_id == "x" * 5000
        with pytest.raises(ManifestError, match="cannot be searched: closed"):
            read_images([str(tmp_path)])
