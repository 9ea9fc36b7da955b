"""config.json: checked before any image is opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actors.model_directory import (
    SHIPPED,
    config_from_json,
    config_to_json,
    open_model,
    settings_of,
)
from actors.model_loading import load_runner
from models.errors import WeightsError
from pipeline.errors import ConfigError


def written(tmp_path: Path, **changes: Any) -> Path:
    """A copy of the shipped model with other top-level values."""
    data = json.loads((SHIPPED / "digits/config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(data))
    (tmp_path / "model.safetensors").write_bytes(
        (SHIPPED / "digits/model.safetensors").read_bytes()
    )
    return tmp_path


class TestOpenModel:
    def test_the_shipped_model_is_trained_and_small(self) -> None:
        """The weights of `digits` fit its config, it says that it is trained, and it has less than 4 MB."""
        model = open_model("digits")
        load_runner(model)

        assert model.config.trained
        assert 100_000 < len(model.weights) < 4_000_000

    def test_configs_come_back_as_they_went(self) -> None:
        """Writing and reading a config changes nothing."""
        config = open_model("digits").config

        assert config_from_json(json.loads(json.dumps(config_to_json(config)))) == config

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"arhitecture": "x"}, "unknown key 'arhitecture'; is 'architecture' meant"),
            ({"architecture": "tnet_smal"}, "is 'tnet_small' meant"),
            ({"class_names": ["one"]}, "at least two different names"),
            ({"class_names": ["a", "a"]}, "at least two different names"),
            ({"class_names": "ab"}, "class_names is 'ab'"),
            ({"walk": {"grid": 7}}, "missing key 'walk.cell_fraction'"),
            (
                {"walk": {"grid": 5, "cell_fraction": 0.25}},
                "walk.grid is 5; tnet_small is built for 7",
            ),
            ({"walk": {"grid": 7, "cell_fraction": 0.25, "budgte": 3}}, "is 'walk.budget' meant"),
            (
                {"walk": {"grid": 7, "cell_fraction": 0.25, "selection": "best"}},
                "selection is 'best'",
            ),
            ({"walk": {"grid": 7, "cell_fraction": "wide"}}, "walk.cell_fraction is 'wide'"),
            ({"walk": {"grid": 7, "cell_fraction": 0.25, "budget": 0}}, "walk.budget is 0"),
            ({"input": 3}, "input is 3"),
            ({"input": {"base_px": 224}}, "input.base_px is 224; tnet_small is built for 96"),
        ],
    )
    def test_wrong_configs_name_the_key(
        self, tmp_path: Path, changes: dict[str, Any], problem: str
    ) -> None:
        """Whatever is wrong is told with its key, what was found and what is wanted."""
        with pytest.raises(ConfigError, match=problem):
            open_model(str(written(tmp_path, **changes)))

    def test_a_directory_without_model_names_those_that_ship(self, tmp_path: Path) -> None:
        """A name that is no model is told what a model is."""
        with pytest.raises(ConfigError, match="one of those that ship: digits"):
            open_model(str(tmp_path))

    def test_broken_json_is_told(self, tmp_path: Path) -> None:
        """A config.json that is no JSON names the file."""
        path = written(tmp_path)
        (path / "config.json").write_text("{")
        with pytest.raises(ConfigError, match=r"config\.json"):
            open_model(str(path))

    def test_weights_of_another_network_are_refused(self, tmp_path: Path) -> None:
        """Weights that do not fit the config are told when the network is filled."""
        model = open_model(str(written(tmp_path, class_names=["a", "b"])))
        with pytest.raises(WeightsError, match="does not fit its config"):
            load_runner(model)


class TestChanges:
    def test_changes_are_checked_like_the_file(self) -> None:
        """A run's changes are refused for the same reasons as the file's keys."""
        model = open_model("digits")
        with pytest.raises(ConfigError, match=r"is 'walk\.budget' meant"):
            model.with_changes({"walk.bugdet": 3})
        with pytest.raises(ConfigError, match=r"walk\.NAME, input\.NAME, precision or compiled"):
            model.with_changes({"class_names": ["a", "b"]})
        with pytest.raises(ConfigError, match=r"precision is 'half'.*'bfloat16'"):
            model.with_changes({"precision": "half"})

    def test_changes_are_settings(self) -> None:
        """A changed value shows in the settings that a resumed run is held against."""
        model = open_model("digits")
        changed = settings_of(model.with_changes({"walk.budget": 3, "precision": "bfloat16"}))
        differing = {name for name, value in settings_of(model).items() if changed[name] != value}

        assert differing == {"walk.budget", "precision"}
