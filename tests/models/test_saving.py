"""What a failed save leaves behind, and whether the shipped weights still fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import models
from models import weights
from models.build import assemble, build_model
from models.errors import WeightsError
from models.weights import load_weights, save_weights

SHIPPED = Path(models.__path__[0]) / "shipped" / "digits" / "model.safetensors"


class TestSaveWeights:
    def test_a_failed_save_leaves_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When the disk is full the old weights stay, and no half of the new ones."""
        path = tmp_path / "model.safetensors"
        save_weights(build_model("tnet_small", num_classes=3), path)
        old = path.read_bytes()
        monkeypatch.setattr(weights, "save_file", half_of_it)
        with pytest.raises(OSError, match="no space"):
            save_weights(build_model("tnet_small", num_classes=3, seed=1), path)

        assert path.read_bytes() == old
        assert list(tmp_path.iterdir()) == [path]


def half_of_it(_tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write a little, then fail as a full disk does."""
    path.write_bytes(b"half")
    raise OSError("no space left on device")


class TestLoadWeights:
    def test_nothing_is_loaded_from_a_file_that_does_not_fit(self, tmp_path: Path) -> None:
        """A network that refused a file is as it was."""
        path = tmp_path / "w"
        save_weights(build_model("tnet_small", num_classes=3, seed=1), path)
        model = build_model("tnet_small", num_classes=5, seed=2)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        with pytest.raises(WeightsError):
            load_weights(model, path)

        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())

    def test_many_problems_are_counted(self, tmp_path: Path) -> None:
        """Five problems are listed, the others counted."""
        path = tmp_path / "w"
        save_weights(build_model("bagnet77", num_classes=3), path)
        with pytest.raises(WeightsError, match=r"and \d+ more") as caught:
            load_weights(assemble("tnet_small", num_classes=3), path)

        assert str(caught.value).count(" is missing") == 5

    def test_the_shipped_weights_fit(self) -> None:
        """The digits model that comes with the package loads into its network: ten classes, one band."""
        load_weights(assemble("tnet_small", num_classes=10, num_bands=1), SHIPPED)
