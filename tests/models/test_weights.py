"""Weights on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import models
from models import weights
from models.build import assemble, build_model
from models.errors import WeightsError
from models.network_config import NetworkConfig
from models.weights import load_weights, save_weights

SHIPPED = Path(models.__path__[0]) / "shipped" / "digits" / "model.safetensors"


class TestWeights:
    def test_come_back_as_they_went(self, tmp_path: Path) -> None:
        """A network filled from a file equals the one that was written, moving statistics included."""
        one = build_model("tnet_small", num_classes=3, seed=1)
        one.look(
            torch.rand(4, 3, 96, 96), torch.zeros(4, 3, dtype=torch.int64)
        )  # moves the statistics
        other = build_model("tnet_small", num_classes=3, seed=2)
        save_weights(one, tmp_path / "model.safetensors")
        load_weights(other, (tmp_path / "model.safetensors").read_bytes(), "w")

        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name])
        assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]

    def test_other_shapes_are_named(self, tmp_path: Path) -> None:
        """Weights of another number of classes name the tensor with both shapes."""
        save_weights(build_model("tnet_small", num_classes=3), tmp_path / "w")
        with pytest.raises(
            WeightsError, match=r"classification.1.weight is \(3, 64\), wanted \(7, 64\)"
        ):
            load_weights(
                build_model("tnet_small", num_classes=7), (tmp_path / "w").read_bytes(), "w"
            )

    def test_other_names_are_named(self, tmp_path: Path) -> None:
        """A missing and an unknown tensor are both told."""
        model = build_model("tnet_small", num_classes=3)
        save_weights(model, tmp_path / "w")
        tensors = load_file(tmp_path / "w")
        tensors["surplus"] = tensors.pop("location.score.bias")
        save_file(tensors, tmp_path / "w")

        with pytest.raises(WeightsError, match=r"location.score.bias is missing\n  surplus is not"):
            load_weights(model, (tmp_path / "w").read_bytes(), "w")

    def test_what_may_lack_keeps_its_values(self, tmp_path: Path) -> None:
        """A part that the file has none of stays as it is; one that it has half of is told."""
        model = build_model("tnet_small", num_classes=3, seed=1)
        save_weights(model, tmp_path / "w")
        tensors = load_file(tmp_path / "w")
        lacking = {name: one for name, one in tensors.items() if not name.startswith("location.")}
        save_file(lacking, tmp_path / "lacking")
        half = {name: one for name, one in tensors.items() if name != "location.score.bias"}
        save_file(half, tmp_path / "half")
        other = build_model("tnet_small", num_classes=3, seed=2)
        before = {name: one.clone() for name, one in other.state_dict().items()}
        load_weights(other, (tmp_path / "lacking").read_bytes(), "w", may_lack=["location"])

        for name, tensor in other.state_dict().items():
            expected = before if name.startswith("location.") else tensors
            assert torch.equal(tensor, expected[name]), name
        with pytest.raises(WeightsError, match=r"location.score.bias is missing"):
            load_weights(other, (tmp_path / "half").read_bytes(), "w", may_lack=["location"])

    @pytest.mark.parametrize("content", [b"", b"not a safetensors file at all"])
    def test_unreadable_files_are_told(self, content: bytes) -> None:
        """A file that is empty or something else is our own error, with its name."""
        with pytest.raises(WeightsError, match="here/w: cannot be read as safetensors"):
            load_weights(build_model("tnet_small", num_classes=3), content, "here/w")


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
            load_weights(model, path.read_bytes(), "w")

        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())

    def test_many_problems_are_counted(self, tmp_path: Path) -> None:
        """Five problems are listed, the others counted."""
        path = tmp_path / "w"
        save_weights(build_model("bagnet77", num_classes=3), path)
        with pytest.raises(WeightsError, match=r"and \d+ more") as caught:
            load_weights(assemble("tnet_small", num_classes=3), path.read_bytes(), "w")

        assert str(caught.value).count(" is missing") == 5

    def test_the_shipped_weights_fit(self) -> None:
        """The digits model that comes with the package loads into its network: ten classes, one band."""
        config = json.loads(SHIPPED.with_name("config.json").read_text())
        network = NetworkConfig(**config["network"])
        load_weights(
            assemble("tnet_small", num_classes=10, num_bands=1, network=network),
            SHIPPED.read_bytes(),
            "w",
        )
