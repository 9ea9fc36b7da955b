"""What is wrong with labels and splits is told before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.training.config import DataConfig
from actors.training.training_data import TrainingData, read_training_data
from pipeline.errors import ManifestError

GOOD = (
    "a,a.tif,cat,train",
    "b,b.tif,dog,train",
    "c,c.tif,cat,validation",
    "d,d.tif,dog,test",
)


def read(
    directory: Path,
    *rows: str,
    names: tuple[str, ...] | None = None,
    config: DataConfig | None = None,
) -> TrainingData:
    """What a manifest with these rows gives."""
    text = "sample_id,image_path,label,split\n" + "\n".join(rows)
    (directory / "m.csv").write_text(text)
    return read_training_data(config or DataConfig(manifest="m.csv"), directory, names)


class TestSplits:
    def test_each_image_goes_where_its_split_says(self, tmp_path: Path) -> None:
        """Train and validation are the rows of those names, and the test split stays away."""
        data = read(tmp_path, *GOOD)

        assert [one.sample_id for one in data.train] == ["a", "b"]
        assert [one.sample_id for one in data.validation] == ["c"]

    def test_classes_are_the_labels_sorted(self, tmp_path: Path) -> None:
        """Without class names the labels of the training split, sorted, are the classes."""
        data = read(tmp_path, *GOOD)

        assert data.class_names == ("cat", "dog")
        assert [data.class_of(one) for one in data.train] == [0, 1]

    def test_given_class_names_keep_their_order(self, tmp_path: Path) -> None:
        """Class names of the config are the order of the outputs."""
        assert read(tmp_path, *GOOD, names=("dog", "cat")).class_names == ("dog", "cat")

    def test_validation_may_have_a_manifest_of_its_own(self, tmp_path: Path) -> None:
        """The validation split comes from validation_manifest where one is given."""
        (tmp_path / "v.csv").write_text("image_path,label,split\nv.tif,dog,validation\n")
        config = DataConfig(manifest="m.csv", validation_manifest="v.csv")

        data = read(tmp_path, *GOOD, config=config)

        assert [one.sample_id for one in data.validation] == ["v"]


class TestBadData:
    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (("a,a.tif,cat,train", "b,b.tif,dog,train"), "no row has split 'validation'"),
            ((*GOOD[:2], "c,c.tif,cat,"), "no row has split 'validation'"),
            (("a,a.tif,,train", *GOOD[1:]), "1 of 2 rows of split 'train' have no label: 'a'"),
            ((*GOOD[:2], "c,c.tif,,validation"), "1 of 1 rows of split 'validation'"),
            (("a,a.tif,cat,train", "c,c.tif,cat,validation"), "one class only, 'cat'"),
            ((*GOOD, "e,e.tif,owl,validation"), "labels that are no class: 'owl'"),
            ((*GOOD, "a,x.tif,cat,validation"), "'a' (2 times)"),
            ((*GOOD, "e,a.tif,cat,validation"), "1 image_path lie in both splits"),
        ],
    )
    def test_each_is_named(self, tmp_path: Path, rows: tuple[str, ...], message: str) -> None:
        """An empty split, a missing label, one class, a strange label, a leak: the message says which and where."""
        with pytest.raises(ManifestError) as caught:
            read(tmp_path, *rows)

        assert message in str(caught.value)
        assert "m.csv" in str(caught.value)

    def test_a_class_without_images_is_named(self, tmp_path: Path) -> None:
        """A class of the config that the training split lacks is refused."""
        with pytest.raises(ManifestError, match="no image of the training split is labelled 'owl'"):
            read(tmp_path, *GOOD, names=("cat", "dog", "owl"))

    def test_an_id_in_two_manifests_leaks(self, tmp_path: Path) -> None:
        """The same sample_id in the training and the validation manifest is refused."""
        (tmp_path / "v.csv").write_text(
            "sample_id,image_path,label,split\na,v.tif,dog,validation\n"
        )
        config = DataConfig(manifest="m.csv", validation_manifest="v.csv")

        with pytest.raises(ManifestError, match="1 sample_id lie in both splits: 'a'"):
            read(tmp_path, *GOOD, config=config)
