"""The commands that need no Ray, as a person calls them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typer.testing import CliRunner, Result

from actors.model_directory import open_model
from jobs.classify import parse_changes
from jobs.cli import app
from jobs.console import command_line
from jobs.doctor import Finding, total_of
from models.catalogue import PARTS
from models.network_config import NetworkConfig
from pipeline.errors import UsageError
from tests.image_files import slide


def foveate(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("said", [["search", "a.tif"], ["a.tif"]])
def test_a_run_remembers_its_command(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    """With its verb, which `python -m jobs.search` does not hear."""
    monkeypatch.setattr("sys.argv", ["any", *said])

    assert command_line("search") == ("foveate", "search", "a.tif")


class TestClassifyRefuses:
    """Wrong use ends with status 2 and one message, before Ray is loaded and any image opened."""

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["gone.csv", "--model", "digits"], "there is no such table"),
            (["a.tif", "--model", "nothing"], "one of those that ship: digits"),
            (["a.tif", "--model", "digits", "--set", "walk.budgte=3"], "is 'walk.budget' meant"),
            (["a.tif", "--model", "digits", "--set", "budget"], "wanted NAME=VALUE"),
            (["a.tif", "--model", "digits", "--budget", "0"], "greater than or equal to 1"),
            (
                ["a.tif", "--model", "digits", "--budget", "5", "--set", "walk.budget=9"],
                "--set walk.budget=9: another option makes it 5",
            ),
            (
                ["a.tif", "--model", "digits", "--full-scan", "--set", "walk.selection=top_k"],
                "another option makes it full_scan",
            ),
            (["a.tif"], "Missing option '--model'"),
            (["*.nothing", "--model", "digits"], "no file matches"),
        ],
    )
    def test_wrong_use(self, tmp_path: Path, arguments: list[str], problem: str) -> None:
        """Each mistake is named, and the output directory is not made."""
        result = foveate("classify", *arguments, "--out", tmp_path / "out")

        assert result.exit_code == 2
        assert problem in " ".join(result.output.split())
        assert not (tmp_path / "out").exists()

    def test_unwritable_output(self, tmp_path: Path) -> None:
        """An output directory that cannot be made is wrong use."""
        (tmp_path / "file").touch()
        result = foveate(
            "classify", "a.tif", "--model", "digits", "--out", tmp_path / "file" / "out"
        )

        assert result.exit_code == 2
        assert "cannot be written to" in result.output

    def test_other_settings(self, tmp_path: Path) -> None:
        """A directory of a run with another budget is not touched; the difference is named."""
        settings = {"walk.budget": 9}
        (tmp_path / "run.json").write_text(json.dumps({"settings": settings}))
        result = foveate("classify", "a.tif", "--model", "digits", "--out", tmp_path, "--budget", 3)

        assert result.exit_code == 2
        assert "walk.budget: 9 then, 3 now" in result.output
        assert [path.name for path in tmp_path.iterdir()] == ["run.json"]

    def test_changes_are_json_or_text(self) -> None:
        """Numbers and lists are what they look like; the rest is text."""
        parsed = parse_changes(["walk.budget=3", "walk.looks_per_region=[2,1]", "walk.roots=grid"])

        assert parsed == {"walk.budget": 3, "walk.looks_per_region": [2, 1], "walk.roots": "grid"}
        with pytest.raises(UsageError):
            parse_changes(["walk.budget"])


@pytest.mark.parametrize(
    "command",
    [["report"], ["costs", "--cost", "p.yaml"], ["export", "--to", "csv", "--out", "x.csv"]],
)
def test_a_run_in_a_bucket_must_be_copied_first(command: list[str]) -> None:
    """Commands that write beside a run's tables, or read all of them, say so."""
    result = foveate(*command, "s3://bucket/run")

    assert result.exit_code == 2
    assert f"s3://bucket/run: foveate {command[0]} works on a disk" in result.output


class TestSearchRefuses:
    def test_an_example_that_cannot_be_seen(self, tmp_path: Path) -> None:
        """None, several, and a file that is no image are wrong use; nothing is written."""
        slide(tmp_path / "archive" / "a.tif", 400, 400)
        slide(tmp_path / "archive" / "b.tif", 400, 400)
        (tmp_path / "bad.tif").write_bytes(b"no image")
        for like, problem in (
            (tmp_path / "archive", "2 images; give the one image"),
            (tmp_path / "gone.tif", "the example cannot be seen"),
            (tmp_path / "bad.tif", "the example cannot be seen"),
        ):
            result = foveate(
                *("search", tmp_path / "archive", "--like", like, "--region", "0,0,28,28"),
                *("--model", "digits", "--out", tmp_path / "found"),
            )

            assert result.exit_code == 2
            assert problem in " ".join(result.output.split())
            assert not (tmp_path / "found").exists()


class TestSavingsRefuses:
    def test_orders_without_a_list_that_makes_any(self, tmp_path: Path) -> None:
        """Told before anything is read: without a price list, and with one that charges by the byte."""
        (tmp_path / "gb.yaml").write_text(
            "kind: per_gb\nname: n\nas_of: 2026-01-01\ncurrency: EUR\nprice: 1\n"
        )
        for cost in ((), ("--cost", tmp_path / "gb.yaml")):
            result = foveate(
                *("savings", "a.tif", "--model", "digits", "--out", tmp_path / "out", *cost),
                *("--export-orders", tmp_path / "orders.geojson"),
            )

            assert result.exit_code == 2
            assert "no price list charges by area" in " ".join(result.output.split())
            assert not (tmp_path / "out").exists()


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


class TestModels:
    def test_lists_parameters_and_multiplications(self) -> None:
        """The tables show the papers' numbers."""
        result = foveate("models")
        tnet = ("21,859,949", "4,559,591", "3: 7.236 G", "2: 1.162 G", "18.423 G")
        others = ("19,971,751", "3.739 G", "2,430,134", "25,231,096", "15.803 G")

        assert result.exit_code == 0
        for number in (*tnet, *others):
            assert number in result.output

    @pytest.mark.parametrize("role", ["location", "root_scorer", "aggregation"])
    def test_lists_all_that_may_be_put_into_a_network(self, role: str) -> None:
        """Whatever a config may name is listed, but for the absence of a scorer."""
        known = set(get_args(get_type_hints(NetworkConfig)[role])) - {"none"}

        assert {name for name, part in PARTS if part.role == role} == known


class TestDoctor:
    def test_tells_what_is_there_and_what_is_wrong(self, tmp_path: Path) -> None:
        """Good images have their facts, bad ones their problem; the exit status says that there is one."""
        good = slide(tmp_path / "good.tif")
        (tmp_path / "bad.tif").write_bytes(b"II*\0nonsense")
        result = foveate("doctor", tmp_path, "--json")
        found = {row["sample_id"]: row for row in map(json.loads, result.stdout.splitlines())}

        assert result.exit_code == 3
        assert (found["good"]["height_px"], found["good"]["num_levels"]) == (700, 3)
        assert found["good"]["problem"] is None
        assert 0 < found["good"]["full_scan_bytes"] < good.stat().st_size
        assert "bad.tif" in found["bad"]["problem"]

    def test_names_are_shown_as_they_are(self, tmp_path: Path) -> None:
        """Brackets and colons in an id are neither styles nor pictures."""
        slide(tmp_path / "a.tif")
        names = ("b[left]", "c[/bold]", "d:heart:")
        rows = "".join(f"{name},a.tif\n" for name in names)
        (tmp_path / "m.csv").write_text(f"sample_id,image_path\n{rows}")
        result = foveate("doctor", tmp_path / "m.csv")

        assert result.exit_code == 0
        assert all(name in result.output for name in names)

    def test_sizes_that_no_index_tells_are_not_nothing(self) -> None:
        """The total says of how many images it knows nothing; those that did not open are not among them."""
        one = Finding(sample_id="a", image_path="a", format="tiff", full_scan_bytes=10)
        findings = [one, replace(one, full_scan_bytes=None), replace(one, format=None, problem="x")]

        assert "unknown" not in total_of(findings[:1])
        assert "3 images, 1 with problems; a full scan reads 10 bytes" in total_of(findings)
        assert "what 1 image of unknown size take" in total_of(findings)

    def test_checks_against_a_model(self, tmp_path: Path) -> None:
        """An image that is smaller than one look of the model is a problem only with that model."""
        slide(tmp_path / "small.tif", 80, 80)

        assert foveate("doctor", tmp_path).exit_code == 0
        assert foveate("doctor", tmp_path, "--model", "digits").exit_code == 3

    @pytest.mark.shared
    def test_the_real_archive(self, shared: Path) -> None:
        """All 30 slides are opened; sizes and pixel sizes are those of the archive's own table."""
        manifest = shared / "slide_archive/labels.csv"
        result = foveate("doctor", manifest, "--json", "--model", "digits")
        found = {row["sample_id"]: row for row in map(json.loads, result.stdout.splitlines())}
        with manifest.open(newline="") as file:
            rows = list(csv.DictReader(file))

        assert result.exit_code == 0
        assert len(found) == len(rows) == 30
        for row in rows:
            facts = found[row["sample_id"]]
            assert (facts["width_px"], facts["height_px"]) == (
                int(row["width"]),
                int(row["height"]),
            )
            expected = f"{float(row['mpp']):.4g} um" if row["mpp"] else None
            assert facts["pixel_size"] == expected
