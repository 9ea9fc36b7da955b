"""Both baselines from archive to result: stages, resumption, figures, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from actors.baselines.checkpoint import BaselineEpoch
from actors.baselines.config import BaselineConfig
from actors.baselines.experiment import BaselineData, Experiment
from actors.baselines.result import BaselineResult
from actors.baselines.saccader_baseline import LOCATION, REPRESENTATION, SaccaderBaseline
from actors.saved_state import NAME
from actors.training.config import DataConfig
from actors.training.training_data import read_test_split, read_training_data
from jobs.archive_writing import write_archive
from models.hard_attention import dram_cost, saccader_cost
from pipeline.benchmarks.archive import ArchivePlan
from pipeline.benchmarks.digits import read_digits
from pipeline.benchmarks.scene import SceneLaw
from pipeline.errors import ManifestError, ResumeError, UsageError

NETWORKS: tuple[Literal["saccader", "dram"], ...] = ("saccader", "dram")


class StoppedError(Exception):
    """The end of a test's patience."""


def config_of(network: Literal["saccader", "dram"], **changes: Any) -> BaselineConfig:
    """A short run of a small network."""
    config = BaselineConfig(
        network=network,
        size="small",
        epochs=3,
        seed=1,
        num_glimpses=3,
        downsample=2,
        glimpse_px=48,
        batch_size=8,
    )
    return replace(config, **changes)


def data_of(manifest: Path) -> BaselineData:
    """All three splits."""
    learned = read_training_data(DataConfig(manifest=manifest.name), manifest.parent, None)
    return BaselineData(learned=learned, test=read_test_split(manifest, learned))


def run(
    manifest: Path, out: Path, config: BaselineConfig
) -> tuple[BaselineResult, list[BaselineEpoch]]:
    """A run to its end, and what it said of its epochs but for how long they took."""
    out.mkdir(exist_ok=True)
    told: list[BaselineEpoch] = []
    result = Experiment(config, data_of(manifest), out).run(told.append)
    return replace(result, ms_per_image=0.0), [replace(one, seconds=0.0) for one in told]


class TestExperiment:
    @pytest.mark.parametrize("network", NETWORKS)
    def test_a_stopped_run_goes_on_to_the_same_result(
        self, manifest: Path, tmp_path: Path, network: Literal["saccader", "dram"]
    ) -> None:
        """Broken off after each epoch and taken up again, every loss, accuracy, figure and weight is the same."""
        config = config_of(network)
        whole, at_once = run(manifest, tmp_path / "whole", config)
        parts: list[BaselineEpoch] = []
        (tmp_path / "parts").mkdir()

        def stop(epoch: BaselineEpoch) -> None:
            parts.append(replace(epoch, seconds=0.0))
            raise StoppedError

        for _ in range(3):
            with pytest.raises(StoppedError):
                Experiment(config, data_of(manifest), tmp_path / "parts").run(stop)
        resumed, told = run(manifest, tmp_path / "parts", config)

        assert parts == at_once
        assert not told
        assert resumed == whole
        assert [one.epoch for one in at_once] == [1, 2, 3]
        mine, other = (
            torch.load(tmp_path / name / NAME, weights_only=True)["network"]
            for name in ("whole", "parts")
        )
        assert all(torch.equal(mine[name], other[name]) for name in mine)

    def test_saccaders_figures(self, manifest: Path, tmp_path: Path) -> None:
        """One look of 96 x 96 px, a quarter of 192 x 192, none of it native; multiplications of that size."""
        result, told = run(manifest, tmp_path / "out", config_of("saccader"))
        cost = saccader_cost("small", num_classes=10, num_bands=1, height_px=96, width_px=96)

        assert (result.num_images, result.looks, result.locations) == (4, 1, 3)
        assert (result.look_share, result.native_share) == (0.25, 0)
        assert result.num_parameters == cost.num_parameters
        assert result.multiplications == cost.of_glimpses(3)
        assert result.interval[0] <= result.accuracy <= result.interval[1]
        assert [one.stage for one in told] == [1, 2, 3]
        assert result.best_epoch == 3

    def test_drams_figures(self, manifest: Path, tmp_path: Path) -> None:
        """Four looks of three windows of 48 px; native pixels are those of one to four of them, as they overlap."""
        result, _ = run(manifest, tmp_path / "out", config_of("dram", epochs=1))
        cost = dram_cost("small", num_classes=10, num_bands=1, glimpse_px=48)

        assert (result.looks, result.locations) == (12, 3)
        assert result.look_share == 12 * 48**2 / 192**2
        assert 48**2 / 192**2 <= result.native_share <= 4 * 48**2 / 192**2
        assert result.multiplications == cost.of_glimpses(3)

    def test_the_best_epoch_of_the_last_stage_is_tested(
        self, manifest: Path, tmp_path: Path
    ) -> None:
        """The first of the best ones by validation accuracy, its weights beside the last ones."""
        result, told = run(manifest, tmp_path / "out", config_of("dram", epochs=4))
        best = max(told, key=lambda one: (one.accuracy, -one.epoch))

        assert result.best_epoch == best.epoch

    def test_other_settings_are_refused(self, manifest: Path, tmp_path: Path) -> None:
        """A directory goes on with the settings it was begun with, or not at all."""
        run(manifest, tmp_path / "out", config_of("dram", epochs=1))

        with pytest.raises(ResumeError, match="num_glimpses: 3 then, 4 now"):
            run(manifest, tmp_path / "out", config_of("dram", epochs=1, num_glimpses=4))


class TestStages:
    def test_epochs_are_dealt_out(self) -> None:
        """Half, a fifth and the rest, each at least one; DRAM has one stage."""
        assert config_of("saccader", epochs=20).stages == (10, 4, 6)
        assert config_of("saccader", epochs=3).stages == (1, 1, 1)
        assert config_of("dram", epochs=20).stages == (20,)

    def test_each_teaches_its_part(self, manifest: Path) -> None:
        """The first leaves the location networks alone, the second the representation network and its statistics."""
        data = data_of(manifest)
        config = config_of("saccader")
        experiment = Experiment(config, data, manifest.parent)
        baseline = experiment._baseline
        assert isinstance(baseline, SaccaderBaseline)
        network = baseline.network
        labels = torch.zeros(2, dtype=torch.int64)
        with experiment._opened(data.learned.train[:2]) as images:
            baseline.loss(images, labels, REPRESENTATION).backward()
            assert all(one.grad is None for one in network.location.parameters())
            assert all(one.grad is not None for one in network.representation.parameters())
            network.zero_grad()
            before = {name: value.clone() for name, value in network.backbone.named_buffers()}
            baseline.loss(images, labels, LOCATION).backward()

        assert all(one.grad is None for one in network.representation.parameters())
        assert all(one.grad is not None for one in network.location.parameters())
        after = dict(network.backbone.named_buffers())
        assert all(torch.equal(after[name], value) for name, value in before.items())


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"epochs": 2}, "three stages; give at least 3"),
            ({"downsample": 0.5}, "--downsample 0.5: 1"),
            ({"num_glimpses": 0}, "num_glimpses is 0"),
            ({"learning_rate": 0.0}, "above 0"),
        ],
    )
    def test_wrong_use(self, changes: dict[str, Any], message: str) -> None:
        """Each mistake is named before anything is opened."""
        with pytest.raises(UsageError, match=message):
            config_of("saccader", **changes)

    def test_images_of_two_sizes_are_refused_in_one_batch(self, tmp_path: Path) -> None:
        """Saccader's message names two images with their sizes, and the way out."""
        for name, side in (("a", 192), ("b", 256)):
            plan = ArchivePlan(
                law=SceneLaw(canvas_px=side, num_digits=1, num_majority=1, num_noise=0),
                num_train=1,
                num_test=0,
                validation=0,
                pad_to_px=side,
                tile_px=64,
            )
            write_archive(plan, read_digits("digits"), tmp_path / name)
        path = tmp_path / "m.csv"
        rows = [
            f"{name}{number},{name}/images/train/train_00000.ome.zarr,{label},{split}"
            for number, split in enumerate(("train", "validation", "test"))
            for name, label in (("a", "x"), ("b", "y"))
        ]
        # One path may lie in one split only.
        for number in (1, 2):
            for name in ("a", "b"):
                (tmp_path / f"{name}{number}").symlink_to(tmp_path / name)
        rows = [row.replace(",a/", f",a{row[1]}/").replace(",b/", f",b{row[1]}/") for row in rows]
        (tmp_path / "a0").symlink_to(tmp_path / "a")
        (tmp_path / "b0").symlink_to(tmp_path / "b")
        path.write_text("sample_id,image_path,label,split\n" + "\n".join(rows) + "\n")

        with pytest.raises(
            UsageError, match=r"192 x 192 px and .* is 256 x 256 px|256 x 256 px and"
        ):
            run(path, tmp_path / "out", config_of("saccader", epochs=3))
        _, told = run(path, tmp_path / "dram", config_of("dram", epochs=1))
        assert len(told) == 1

    def test_a_test_image_that_was_learned_from_is_refused(self, tmp_path: Path) -> None:
        """The test split is held against both others."""
        (tmp_path / "m.csv").write_text(
            "sample_id,image_path,label,split\na,a.tif,x,train\nb,b.tif,y,train\n"
            "c,c.tif,x,validation\nd,c.tif,x,test\n"
        )
        with pytest.raises(ManifestError, match="1 image_path lie in both splits"):
            data_of(tmp_path / "m.csv")

    def test_a_test_label_that_was_never_learned_is_refused(self, tmp_path: Path) -> None:
        """It is named with the classes that are there."""
        (tmp_path / "m.csv").write_text(
            "sample_id,image_path,label,split\na,a.tif,x,train\nb,b.tif,y,train\n"
            "c,c.tif,x,validation\nd,d.tif,z,test\n"
        )
        with pytest.raises(ManifestError, match="labels that are no class: 'z'"):
            data_of(tmp_path / "m.csv")
