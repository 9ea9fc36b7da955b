"""Commands that read a finished run: costs, export, report."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.jobs.processes import finished
from tests.pipeline.evidence.runs import write_run

TRANSFER = "kind: per_gb\nname: egress\nas_of: 2026-01-01\ncurrency: EUR\nprice: 100\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images without pixel size, one of an id that no file may have."""
    return write_run(tmp_path_factory.mktemp("run") / "run", ["a", "b", "c", "d/../e"])


class TestCosts:
    def test_the_table_is_the_price_of_the_bytes(self, run: Path, tmp_path: Path) -> None:
        """A row per image: its bytes times the price."""
        (tmp_path / "prices.yaml").write_text(TRANSFER)
        status, said = finished("jobs.costs", run, "--cost", tmp_path / "prices.yaml")
        rows = pd.read_parquet(run / "costs").set_index("sample_id")

        assert status == 0, said
        assert rows.attended["b"] == pytest.approx(1001 / 1e9 * 100)
        assert rows.whole["b"] == pytest.approx((10 + 10) / 1e9 * 100)
        assert rows.is_dearer.all()
        assert "MORE than the whole image" in said.replace("\n", " ")

    def test_a_price_per_area_needs_a_pixel_size(self, run: Path) -> None:
        """Wrong use, naming the row and the way out; no table is left."""
        example = Path(__file__).parents[2] / "docs" / "example_cost.yaml"
        status, said = finished("jobs.costs", run, "--cost", example)

        assert status == 2
        assert "a: the image has no pixel size" in said
        assert "pixel_size_m" in said

    def test_orders_leave_out_maps_without_degrees(self, tmp_path: Path) -> None:
        """Whatever their ids: one with a colon, of an unknown system, does not keep the others from their orders."""
        made = write_run(tmp_path / "run", ["a", "s3://bucket/b"])
        images = pd.read_parquet(made / "images").assign(
            pixel_size_y=10.0, pixel_size_x=10.0, pixel_size_unit="m", crs=["EPSG:32634", "nowhere"]
        )
        images["transform"] = [[10.0, 0.0, 6e5, 0.0, -10.0, 4e6]] * 2
        table = pa.Table.from_pandas(images.drop(columns="metadata"), preserve_index=False)
        pq.write_table(table, made / "images" / "rows.parquet")
        example = Path(__file__).parents[2] / "docs" / "example_cost.yaml"
        place = tmp_path / "orders.geojson"
        status, said = finished("jobs.costs", made, "--cost", example, "--export-orders", place)

        assert status == 0, said
        assert "not in the orders: s3://bucket/b" in said.replace("\n", " ")
        found = json.loads(place.read_text())["features"]
        assert {one["properties"]["sample_id"] for one in found} == {"a"}


class TestReport:
    def test_page_and_overlays(self, run: Path) -> None:
        """The page, and a file per image whose name stays inside the directory."""
        status, said = finished("jobs.report", run)
        overlays = sorted(path.name for path in (run / "overlays").iterdir())

        assert status == 0, said
        assert (run / "report.html").stat().st_size > 20_000
        assert overlays[:3] == ["a.geojson", "b.geojson", "c.geojson"]
        assert overlays[3].startswith("d_.._e-")

    def test_a_run_that_was_killed_at_once(self, tmp_path: Path) -> None:
        """Before its first image there is no row: the page says so, and there is nothing to export."""
        begun = write_run(tmp_path / "run", ["a"])
        for table in ("predictions", "images", "glimpses", "ledger"):
            (begun / table / "rows.parquet").unlink()
        status, said = finished("jobs.report", begun)
        assert status == 0, said
        assert '"rows":[]' in (begun / "report.html").read_text()
        status, said = finished("jobs.export", begun, "--to", "csv", "--out", tmp_path / "x.csv")
        assert status == 2, said
        assert "no image of this run was looked at" in said

    def test_a_run_that_cannot_be_read(self, tmp_path: Path) -> None:
        """A damaged run.json or table is wrong use, with the way out."""
        for name, damage in (("run.json", b"{"), ("predictions/rows.parquet", b"PAR1")):
            damaged = write_run(tmp_path / name.partition(".")[0], ["a"])
            (damaged / name).write_bytes(damage)
            status, said = finished("jobs.report", damaged)

            assert status == 2, said
            assert "the run there cannot be read" in said

    def test_wrong_use_of_explain(self, run: Path) -> None:
        """An unknown name is refused with the nearest, and options that contradict each other; no page is written."""
        page = run / "report.html"
        before = page.read_bytes() if page.exists() else None
        for options, told in (
            (("--explain", "looks,evidense"), "is 'evidence' meant?"),
            (("--explain", "looks", "--no-pictures"), "leave out --no-pictures"),
            (("--model", "digits"), "--model is for --explain"),
            (("--explain", "evidence"), "was made with the model in m; give the place"),
            (("--explain", "evidence", "--model", "digits"), "not the one that"),
        ):
            status, said = finished("jobs.report", run, *options)

            assert status == 2, said
            assert told in said.replace("\n", " ")
        assert (page.read_bytes() if page.exists() else None) == before

    def test_what_the_tables_explain(self, run: Path) -> None:
        """How closely each place was looked at is shown without the model, which is nowhere."""
        status, said = finished("jobs.report", run, "--explain", "looks")

        assert status == 0, said
        assert '"methods":{"looks"' in (run / "report.html").read_text()


class TestExport:
    def test_maps_are_asked_for_and_there_are_none(self, run: Path, tmp_path: Path) -> None:
        """GeoJSON of slides is empty and says why of each; GeoParquet is refused."""
        status, said = finished(
            "jobs.export", run, "--to", "geojson", "--out", tmp_path / "looks.geojson"
        )
        assert status == 0
        assert said.count("left out") == 4
        assert json.loads((tmp_path / "looks.geojson").read_text())["features"] == []
        status, said = finished(
            "jobs.export", run, "--to", "geoparquet", "--out", tmp_path / "looks.parquet"
        )
        assert status == 2
        assert "no look lies on a map" in said

    def test_a_label_never_takes_the_place_of_an_image(self, run: Path, tmp_path: Path) -> None:
        """Beside images it would have the name of one, and is refused; over an earlier label it is written."""
        (tmp_path / "b.ome.zarr" / "0").mkdir(parents=True)
        options = ("jobs.export", run, "--to", "ome-zarr", "--out", tmp_path)
        status, said = finished(*options)

        assert status == 2, said
        assert "b.ome.zarr: something else lies there already" in said.replace("\n", " ")
        assert [path.name for path in tmp_path.iterdir()] == ["b.ome.zarr"]
        (tmp_path / "b.ome.zarr" / "0").rmdir()
        for _ in range(2):
            status, said = finished(*options)
            assert status == 0, said

    def test_a_place_that_cannot_be_written_to(self, run: Path, tmp_path: Path) -> None:
        """A directory in the place of a file, a file in that of a directory and a missing directory are wrong use."""
        (tmp_path / "file").touch()
        for form, place, told in (
            ("csv", tmp_path, "give the name of a file"),
            ("geojson", tmp_path / "gone" / "looks.geojson", "in a directory that is there"),
            ("qupath", tmp_path / "file", "give the name of a directory"),
        ):
            status, said = finished("jobs.export", run, "--to", form, "--out", place)

            assert status == 2, said
            assert "cannot be written to" in said
            assert told in said.replace("\n", " ")

    def test_a_long_id_is_cut(self, tmp_path: Path) -> None:
        """Ids that are paths longer than the name of a file may be have a file each."""
        names = [f"/archive/{'ü' * 200}/{number}" for number in range(2)]
        long = write_run(tmp_path / "run", names)
        status, said = finished("jobs.export", long, "--to", "qupath", "--out", tmp_path / "q")

        assert status == 0, said
        assert len(list((tmp_path / "q").glob("*.geojson"))) == 2
