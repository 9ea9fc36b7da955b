"""What a module of models may load: the facts no torch, the rest no torchvision before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import models

PACKAGE = Path(models.__path__[0])
FOREIGN = {"pipeline", "actors", "jobs", "ray", "tifffile", "zarr", "imagecodecs", "cv2", "skimage"}


def loaded_by(module: str) -> set[str]:
    """Names of all modules in a fresh process that imports only this one."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    return set(done.stdout.split())


class TestImports:
    def test_facts_do_not_load_torch(self) -> None:
        """A command that only names networks starts without torch."""
        assert "torch" not in loaded_by("models.architecture")

    def test_building_does_not_load_torchvision(self) -> None:
        """Only the networks on EfficientNet pay for torchvision."""
        loaded = loaded_by("models.build")

        assert "torch" in loaded
        assert "torchvision" not in loaded

    @pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
    def test_never_reach_outwards(self, path: Path) -> None:
        """No module of models imports pixels, cluster or commands, not even inside a function."""
        nodes = list(ast.walk(ast.parse(path.read_text())))
        imported = {
            alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
        }
        imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}

        assert {name.split(".")[0] for name in imported} & FOREIGN == set()
