"""CONFIG.yaml: what is wrong with it is told by the name of its key, before anything is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.training.config_file import read_train_config
from pipeline.errors import ConfigError

GOOD: dict[str, Any] = {
    "data": {"manifest": "m.csv"},
    "model": {"architecture": "tnet_small"},
    "stages": [{"epochs": 2}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """GOOD with the value at a dotted path."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(GOOD))
    *sections, key = path.split(".")
    where: Any = copy
    for name in sections:
        where = where[int(name)] if name.isdigit() else where.setdefault(name, {})
    where[key] = value
    return copy


class TestBadConfigs:
    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            ("stage", [], "unknown key 'stage'; is 'stages' meant?"),
            ("data.manifst", "m.csv", "unknown key 'data.manifst'; is 'data.manifest' meant?"),
            ("model.arch", "x", "unknown key 'model.arch'"),
            ("model.network.agregation", "mean", "is 'model.network.aggregation' meant?"),
            ("model.walk.budgett", 3, "unknown key 'model.walk.budgett'"),
            ("learning.lamda_f", 0.1, "is 'learning.lambda_f' meant?"),
            ("learning.lambda_f", -1, "learning.lambda_f is -1"),
            ("learning.location", "guess", "learning.location is 'guess'"),
            ("exploration.gumbel", 1, "is 'exploration.gumbel_scale' meant?"),
            ("augmentation.hue", 3, "augmentation.hue is 3"),
            ("optimiser.learning_rate", 0, "optimiser.learning_rate is 0"),
            ("optimiser.decay", "cosine", "optimiser.decay is 'cosine'"),
            ("stages.0.epochs", 0, "epochs is 0; at least 1"),
            ("stages.0.epoch", 1, "unknown key 'stages[0].epoch'; is 'stages[0].epochs' meant?"),
            ("stages", [], "stages is empty"),
            ("stages", "many", "stages is 'many'; wanted a list"),
            ("batch_size", 0, "batch_size is 0"),
            ("workers", 64, "workers is 64; from 1 to batch_size, 32"),
            ("model.architecture", "tnet_smal", "is 'tnet_small' meant?"),
            ("augmentation.flip", "maybe", "augmentation.flip is 'maybe'"),
        ],
    )
    def test_the_key_is_named(self, tmp_path: Path, path: str, value: object, message: str) -> None:
        """Unknown keys come with their nearest match, wrong values with what they should be."""
        file = tmp_path / "c.yaml"
        file.write_text(yaml.safe_dump(changed(path, value)))

        with pytest.raises(ConfigError) as caught:
            read_train_config(file)

        assert message in str(caught.value)
        assert str(file) in str(caught.value)

    @pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "", "\x00"])
    def test_what_is_no_mapping_is_refused(self, tmp_path: Path, text: str) -> None:
        """Broken YAML, a list, or nothing at all is refused by the file's name."""
        file = tmp_path / "c.yaml"
        file.write_text(text)

        with pytest.raises(ConfigError, match=r"c\.yaml"):
            read_train_config(file)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        """A config that is not there is refused by name."""
        with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
            read_train_config(tmp_path / "none.yaml")

    def test_moving_augmentation_needs_one_root(self, tmp_path: Path) -> None:
        """Crops and flips stand for the whole image, so a walk from a grid of roots refuses them."""
        config = changed("model.walk.roots", "grid") | {"augmentation": {"flip": True}}
        file = tmp_path / "c.yaml"
        file.write_text(yaml.safe_dump(config))

        with pytest.raises(ConfigError, match="roots"):
            read_train_config(file)
