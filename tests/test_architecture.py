"""The house stands as docs/architecture.md says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSES = ("pipeline", "models", "actors", "jobs")
FORBIDDEN = {
    "pipeline": {"models", "actors", "jobs", "torch", "torchvision", "ray"},
    "models": {"pipeline", "actors", "jobs", "ray", "tifffile", "zarr", "imagecodecs", "pyarrow"},
    "actors": {"jobs"},
}
FLOORS = (
    "storage",
    "images",
    "benchmarks",
    "ingest",
    "walk",
    "records",
    "budget",
    "savings",
    "costs",
    "exports",
)


def imports(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


class TestImports:
    @pytest.mark.parametrize("package", FORBIDDEN)
    def test_packages_import_one_way(self, package: str) -> None:
        """The direction is jobs, actors, pipeline and models; nothing goes the other way."""
        for path in (ROOT / package).rglob("*.py"):
            tops = {name.split(".")[0] for name in imports(path)}

            assert not tops & FORBIDDEN[package], path

    @pytest.mark.parametrize("floor", FLOORS)
    def test_floors_of_the_pipeline_import_downwards(self, floor: str) -> None:
        """The floor storage knows no image, images knows neither ingest nor walk, walk knows no records."""
        above = FLOORS[FLOORS.index(floor) + 1 :]
        for path in (ROOT / "pipeline" / floor).rglob("*.py"):
            for name in imports(path):
                assert not name.startswith(tuple(f"pipeline.{one}" for one in above)), path

    def test_the_commands_start_without_torch_or_ray(self) -> None:
        """Help, wrong use and doctor are quick: neither torch nor ray is loaded for them."""
        code = "import sys, jobs.cli; print(sorted({'torch', 'ray', 'zarr'} & set(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
        )

        assert done.stdout.strip() == "[]"


class TestDocs:
    def test_named_files_exist(self) -> None:
        """Every Python file that the walk through the code names is somewhere in the code."""
        text = (ROOT / "docs/architecture.md").read_text()
        names = {Path(name).name for name in re.findall(r"`([\w/]+\.py)`", text)}
        there = {path.name for house in (*HOUSES, "tests") for path in (ROOT / house).rglob("*.py")}

        assert len(names) > 30
        assert names <= there

    def test_tables_are_described_in_full(self) -> None:
        """docs/tables.md names every column that a run writes."""
        from pipeline.records.schemas import GLIMPSES, IMAGES, LEDGER, predictions_schema

        text = (ROOT / "docs/tables.md").read_text()
        for schema in (GLIMPSES, IMAGES, LEDGER, predictions_schema(())):
            for name in schema.names:
                assert f"`{name}`" in text, name

    def test_settings_are_described_in_full(self) -> None:
        """docs/models.md names every setting of a config."""
        from dataclasses import fields

        from models.network_config import NetworkConfig
        from pipeline.images.input_spec import InputSpec
        from pipeline.walk.config import WalkConfig

        text = (ROOT / "docs/models.md").read_text()
        sections = (("input", InputSpec), ("walk", WalkConfig), ("network", NetworkConfig))
        for section, kind in sections:
            for item in fields(kind):
                assert f"`{section}.{item.name}`" in text, item.name

    def test_training_keys_are_described_in_full(self) -> None:
        """docs/training.md names every key of CONFIG.yaml."""
        from dataclasses import fields

        from actors.training.config import (
            DataConfig,
            EarlyStopping,
            NetworkChoice,
            OptimiserConfig,
            TrainConfig,
        )
        from models.learning.config import LearningConfig
        from pipeline.images.augmentation import AugmentationConfig
        from pipeline.walk.exploration import ExplorationConfig

        text = (ROOT / "docs/training.md").read_text()
        sections = {
            "data": DataConfig,
            "model": NetworkChoice,
            "optimiser": OptimiserConfig,
            "early_stopping": EarlyStopping,
            "learning": LearningConfig,
            "exploration": ExplorationConfig,
            "augmentation": AugmentationConfig,
        }
        for section, kind in sections.items():
            for item in fields(kind):
                assert f"`{section}.{item.name}`" in text, item.name
        for item in fields(TrainConfig):
            assert f"`{item.name}" in text, item.name
