"""foveate new-model: a model that opens, and nothing where it cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.model_directory import open_model
from tests.jobs.commands import foveate


class TestNewModel:
    @pytest.mark.parametrize("name", ["tnet_small", "tnet_fmow", "efficientnet_b0"])
    def test_makes_a_model_that_opens(self, tmp_path: Path, name: str) -> None:
        """The directory is a model with the given classes, and says loudly that it is untrained."""
        result = foveate("new-model", name, "--classes", "a, b,c", "--out", tmp_path / "m")
        config = open_model(str(tmp_path / "m")).config

        assert result.exit_code == 0, result.output
        assert "UNTRAINED" in result.output
        assert config.class_names == ("a", "b", "c")
        assert not config.trained

    def test_the_same_seed_gives_the_same_files(self, tmp_path: Path) -> None:
        """Two calls with one seed write the same bytes; another seed writes others."""
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            foveate(
                "new-model",
                "tnet_small",
                "--classes",
                "x,y",
                "--out",
                tmp_path / name,
                "--seed",
                seed,
            )
        digests = [open_model(str(tmp_path / name)).sha256 for name in "abc"]

        assert digests[0] == digests[1] != digests[2]

    def test_bands_are_chosen(self, tmp_path: Path) -> None:
        """Indices of bands stand in the config, and the network takes as many."""
        foveate(
            "new-model",
            "tnet_small",
            "--classes",
            "x,y",
            "--bands",
            "3,2,1,7",
            "--out",
            tmp_path / "m",
        )

        assert open_model(str(tmp_path / "m")).config.input.bands == (3, 2, 1, 7)

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["tnet_smal", "--classes", "a,b"], "is 'tnet_small' meant"),
            (["tnet_small", "--classes", "a"], "at least two different names"),
            (["tnet_small", "--classes", "a,b", "--bands", "green"], "give rgb, luminance"),
            (["tnet_small", "--classes", "a,b", "--bands", "0,-1"], "cannot be negative"),
        ],
    )
    def test_wrong_use(self, tmp_path: Path, arguments: list[str], problem: str) -> None:
        """A model that cannot be made is wrong use, and nothing is written."""
        result = foveate("new-model", *arguments, "--out", tmp_path / "m")

        assert result.exit_code == 2
        assert problem in result.output
        assert not (tmp_path / "m").exists()

    def test_nothing_is_overwritten(self, tmp_path: Path) -> None:
        """A directory with something in it is left alone."""
        (tmp_path / "mine").touch()
        result = foveate("new-model", "tnet_small", "--classes", "a,b", "--out", tmp_path)

        assert result.exit_code == 2
        assert [path.name for path in tmp_path.iterdir()] == ["mine"]

    def test_a_place_that_cannot_be_made_is_told(self, tmp_path: Path) -> None:
        """A directory below a file is wrong use, not a traceback."""
        (tmp_path / "file").touch()
        place = tmp_path / "file" / "m"
        result = foveate("new-model", "tnet_small", "--classes", "a,b", "--out", place)

        assert result.exit_code == 2
        assert "cannot be written to" in " ".join(result.output.split())
