"""A model of an example, held against the walk itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from actors.example import Example, model_of_example
from actors.model_directory import ModelDirectory, open_model
from actors.model_loading import load_runner
from jobs.archive_writing import write_archive
from jobs.new_model import new_config, write_model
from models.architecture import architecture_named
from pipeline.benchmarks.archive import ArchivePlan
from pipeline.benchmarks.digits import read_digits
from pipeline.benchmarks.scene import SceneLaw
from pipeline.errors import ImageError, UsageError
from pipeline.image_list import read_images
from pipeline.image_record import ImageRecord
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.storage.allowed_places import EVERYWHERE
from pipeline.walk.opening import open_image_walk
from pipeline.walk.walk import walk

BUDGET = 14


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images of 3072 x 3072 with five digits each."""
    directory = tmp_path_factory.mktemp("search") / "archive"
    plan = ArchivePlan(
        law=SceneLaw(canvas_px=3072, num_noise=4, background="grain"),
        num_train=0,
        num_test=8,
        pad_to_px=3072,
        seed=5,
    )
    write_archive(plan, read_digits("digits"), directory)
    return directory


@pytest.fixture(scope="module")
def model() -> ModelDirectory:
    """The model that ships."""
    return open_model("digits").with_changes({"walk.budget": BUDGET})


def sought(archive: Path, model: ModelDirectory, number: int) -> tuple[ModelDirectory, int]:
    """A model of one of the archive's digits, and which digit it is."""
    row = pd.read_parquet(archive / "truth.parquet").iloc[number]
    [record] = [
        one
        for one in read_images([str(archive / "manifest.csv")]).records
        if one.sample_id == row.sample_id
    ]
    region = Region(int(row.y_px), int(row.x_px), 28, 28)
    return model_of_example(model, Example(image=record, region=region), EVERYWHERE), int(row.digit)


class TestModelOfExample:
    def test_walks_to_what_is_alike(self, archive: Path, model: ModelDirectory) -> None:
        """Of all looks at the example's depth those at the same digit are the most alike, by the archive's truth."""
        truth = pd.read_parquet(archive / "truth.parquet")
        found, digit = sought(archive, model, 0)
        runner = load_runner(found)
        likes, is_same = [], []
        for record in read_images([str(archive / "manifest.csv")]).records:
            image = open_image_walk(
                record, found.config.plan, combine=runner.combine, cache=TileCache(2**26)
            )
            walk(image, runner)
            mine = truth[truth.sample_id == record.sample_id]
            for look in image.traversal.looks:
                likes.append(float(runner.alone(look.kept[None])[0, 0]))
                where = look.glimpse.region
                seen = mine[
                    (mine.y_px + 14).between(where.y, where.bottom)
                    & (mine.x_px + 14).between(where.x, where.right)
                ]
                is_same.append(where.height == 96 and bool((seen.digit == digit).any()))
            image.close()
        wanted = int((truth.digit == digit).sum())
        best = np.argsort(likes)[::-1][:wanted]

        assert wanted >= 3
        assert np.mean(np.array(is_same)[best]) >= 0.75
        assert np.mean(is_same) < 0.2  # by chance it would be as many

    def test_the_same_example_makes_the_same_model(
        self, archive: Path, model: ModelDirectory
    ) -> None:
        """Its hash is the same, so that a search can be resumed; another example's is not."""
        assert sought(archive, model, 1)[0].sha256 == sought(archive, model, 1)[0].sha256
        assert sought(archive, model, 1)[0].sha256 != sought(archive, model, 2)[0].sha256

    def test_goes_no_deeper_than_the_example(self, archive: Path, model: ModelDirectory) -> None:
        """A large region is sought where a look holds all of it."""
        [record, *_] = read_images([str(archive / "manifest.csv")]).records
        large = Example(image=record, region=Region(100, 100, 300, 300))

        assert model_of_example(model, large, EVERYWHERE).config.walk.depths == 2

    def test_refuses_a_model_that_does_not_walk(self, archive: Path, tmp_path: Path) -> None:
        """A full-image baseline has no way to an example."""
        write_model(
            new_config(architecture_named("cnn_small"), ("a", "b"), seed=0), tmp_path / "model"
        )
        [record, *_] = read_images([str(archive / "manifest.csv")]).records
        example = Example(image=record, region=Region(0, 0, 28, 28))
        with pytest.raises(UsageError, match="needs a model that walks"):
            model_of_example(open_model(str(tmp_path / "model")), example, EVERYWHERE)

    def test_an_example_that_cannot_be_read(self, model: ModelDirectory, tmp_path: Path) -> None:
        """The file is named."""
        gone = ImageRecord(sample_id="gone", image_path=str(tmp_path / "gone.tif"))
        with pytest.raises(ImageError, match=r"gone\.tif"):
            model_of_example(model, Example(image=gone, region=Region(0, 0, 9, 9)), EVERYWHERE)
