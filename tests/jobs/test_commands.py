"""Wrong use of the commands, as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.classify import parse_changes
from jobs.console import command_line
from pipeline.errors import UsageError
from tests.image_files import slide
from tests.jobs.commands import foveate


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
