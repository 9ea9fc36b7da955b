"""ray_cluster.yaml and .rayignore are what Ray takes them for."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError
from ray._private.runtime_env.packaging import create_package
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[1]


def cluster() -> dict[str, Any]:
    """The file as it stands."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
    return found


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """As `ray up` checks it."""
    prepared: dict[str, Any] = prepare_config(config)
    validate_config(prepared)
    return prepared


class TestClusterConfig:
    def test_it_passes_rays_own_schema(self) -> None:
        """GPU, spot and CPU workers scale from zero, and the head takes no work."""
        types = checked(cluster())["available_node_types"]

        assert {name: kind["min_workers"] for name, kind in types.items() if name != "head"} == {
            "gpu": 0,
            "gpu_spot": 0,
            "cpu": 0,
        }
        assert types["head"]["resources"]["CPU"] == 0
        assert types["gpu_spot"]["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}

    def test_the_machines_of_ones_own_pass_it_too(self) -> None:
        """The variant in the comment at its end."""
        text = (ROOT / "ray_cluster.yaml").read_text()
        lines = text[text.index("#   provider:") :].splitlines()
        local = yaml.safe_load("\n".join(line[4:] for line in lines))
        config = {key: value for key, value in cluster().items() if key != "available_node_types"}
        config.pop("head_node_type")

        checked({**config, **local})

    def test_a_misspelt_key_is_refused(self) -> None:
        """The check is one: it finds what is not in the schema."""
        with pytest.raises(ValidationError, match="max_wokers"):
            checked({**cluster(), "max_wokers": 3})


class TestUpload:
    def test_a_job_takes_code_and_nothing_else(self, tmp_path: Path) -> None:
        """What travels with `--working-dir .` is the four packages with their data, and next to nothing beside them."""
        package = tmp_path / "package.zip"
        create_package(str(ROOT), package, include_gitignore=True)
        names = zipfile.ZipFile(package).namelist()
        folders = {name.partition("/")[0] for name in names if "/" in name}

        packages = {"actors", "jobs", "models", "pipeline"}
        code_bytes = sum(
            path.stat().st_size
            for one in packages
            for path in (ROOT / one).rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        )

        assert folders == packages
        assert package.stat().st_size < 1.3 * code_bytes  # names, and a few files of the root
        assert package.stat().st_size < 3_000_000
        assert "models/shipped/digits/model.safetensors" in names
        assert "pipeline/evidence/page/report.js" in names
        assert "jobs/classify.py" in names
