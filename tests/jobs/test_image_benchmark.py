"""The two commands for whole images of 32 px, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jobs.attention_tables import SIDE_PX as SHOWN_PX
from jobs.cli import app
from jobs.image_benchmark import NetworkName
from models.small_images.catalogue import SMALL_IMAGES
from models.small_images.preparation import SIDE_PX
from tests.cifar_files import toy_images, write_archive, write_binary


def foveate(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


FEW = ("--epochs", 1, "--batch-size", 4, "--validation-images", 4, "--test-images", 4)


class TestCommands:
    @pytest.mark.slow
    @pytest.mark.timeout(400)
    def test_from_images_to_tables(self, tmp_path: Path) -> None:
        """A run, its result, and tables with a sheet of it; started again it says the same."""
        data = write_binary(tmp_path / "data", toy_images(24, num_classes=2))
        command = ("image-benchmark", data, "--network", "resnet18_cbam", *FEW)
        result = foveate(*command, "--out", tmp_path / "run")
        again = foveate(*command, "--out", tmp_path / "run")
        assert result.exit_code == 0, result.output
        found = json.loads((tmp_path / "run/result.json").read_text())

        assert again.exit_code == 0
        assert json.loads((tmp_path / "run/result.json").read_text()) == found
        assert found["num_parameters"] == 11_263_202
        assert found["test_source"] == "test set"
        assert found["accuracy"]["count"] == 4
        assert (found["num_train"], found["num_validation"]) == (16, 4)

        out = tmp_path / "tables"
        result = foveate(
            "attention-tables", data, tmp_path / "run", "--out", out,
            "--transfer", "digits", "--transfer-images", 50, "--sheet", 2,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        assert (out / "resnet18_cbam_0.png").exists()
        assert "| resnet18_cbam | 0 | 50 | 512 | mean_std |" in (out / "tables.md").read_text()

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--network", "resnet18", "--batch-size", "4", "--compatibility", "dp"], "no kind"),
            (["--network", "resnet19"], "Invalid value for '--network'"),
            (["--network", "vgg", "--train-images", "999"], "999 training images wanted"),
            (["--network", "vgg", "--batch-size", "1"], "batches of 2"),
            (["--network", "resnet18", "--curve", "steps"], "no epochs are published"),
            (
                ["--network", "resnet18", "--dropout", "0", "--batch-size", "8"],
                "resnet18 has no dropout to change",
            ),
            (["--network", "vgg", "--batch-size", "64"], "training images, less than a batch"),
        ],
    )
    def test_wrong_use(self, tmp_path: Path, arguments: list[str], problem: str) -> None:
        """Each mistake is named, with status 2, and no result is written."""
        data = write_archive(tmp_path / "toy.tar.xz", toy_images(40, num_classes=2))
        result = foveate("image-benchmark", data, *arguments, "--out", tmp_path / "out")

        assert result.exit_code == 2
        assert problem in " ".join(result.output.split())
        assert not (tmp_path / "out").exists()

    def test_a_damaged_batch_is_named(self, tmp_path: Path) -> None:
        """One message with the file's name and the way out."""
        data = write_binary(tmp_path / "data", toy_images(24))
        (data / "data_batch_4.bin").write_bytes(b"x" * 100)
        result = foveate(
            "image-benchmark", data, "--network", "resnet18", "--out", tmp_path / "out"
        )

        assert result.exit_code == 2
        assert "data_batch_4.bin: 100 bytes" in " ".join(result.output.split())
        assert "fetch it again" in result.output
        assert not (tmp_path / "out").exists()

    def test_tables_of_no_run(self, tmp_path: Path) -> None:
        """A directory that holds no run is named before images are read."""
        result = foveate("attention-tables", tmp_path / "gone", tmp_path, "--out", tmp_path / "o")

        assert result.exit_code == 2
        assert "no settings.json" in " ".join(result.output.split())


class TestNames:
    def test_are_those_of_the_catalogue(self) -> None:
        """The command's list, which must not load torch, is the catalogue's."""
        assert [one.value for one in NetworkName] == list(SMALL_IMAGES)
        assert SHOWN_PX == SIDE_PX
