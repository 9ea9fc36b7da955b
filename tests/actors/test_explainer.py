"""The model of a run asked once more, against the walk that it took."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from actors.explainer import MIN_TELLING, NUM_TELLING, Explainer
from actors.model_directory import CONFIG, ModelConfig, config_to_json, open_model, settings_of
from actors.model_loading import load_runner
from actors.run_model import model_of_run
from jobs.new_model import write_model
from pipeline.errors import UsageError
from pipeline.evidence.layer import ImageExplanation, Layer
from pipeline.evidence.methods import METHODS, parse_methods
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec, fit_bands
from pipeline.images.opening import open_source
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import WindowReader
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import FinishedRun, open_run
from pipeline.walk.config import WalkConfig
from tests.image_files import halves, slide, write_pyramid_tiff
from tests.servers.logging_server import LoggingServer
from tests.walked_run import write_walked_run

CLASSES = ("x", "y", "z")
SMALL = ModelConfig(
    architecture="tnet_small",
    class_names=CLASSES,
    input=InputSpec(base_px=96),
    walk=WalkConfig(grid=7, cell_fraction=0.25, selection="best_first", budget=9, max_overlap=0.45),
    temperature=1.5,
)
BASELINE = ModelConfig(
    architecture="efficientnet_b0",
    class_names=CLASSES,
    input=InputSpec(base_px=64),
    walk=WalkConfig(grid=0, cell_fraction=1.0, depths=1),
)


def run_of(directory: Path, config: ModelConfig) -> FinishedRun:
    """Two slides walked with an untrained model."""
    write_model(config, directory / "model")
    model = open_model(str(directory / "model"))
    runner = load_runner(model)
    records = [
        ImageRecord(
            sample_id=name, image_path=str(slide(directory / f"{name}.tif", 700, 600, seed=seed))
        )
        for seed, name in enumerate("ab")
    ]
    write_walked_run(
        directory / "run",
        records,
        model.config.plan,
        runner,
        class_names=CLASSES,
        settings=settings_of(model),
        place=model.place,
    )
    return open_run(directory / "run")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Nine looks an image."""
    return run_of(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """One look an image."""
    return run_of(tmp_path_factory.mktemp("baseline"), BASELINE)


def windows_of(image: FinishedImage, spec: InputSpec) -> WindowReader:
    """As the walk reads them."""
    source = open_source(image.image_path)
    return WindowReader(
        tiles=TileReader(source, TileCache(2**24)),
        fit=fit_bands(spec, source.pyramid),
        base_px=spec.base_px,
        background=spec.background,
    )


def explained(run: FinishedRun, names: str = "all") -> tuple[FinishedImage, ImageExplanation]:
    """The first image."""
    model = model_of_run(run)
    image = next(iter(run.images()))
    windows = windows_of(image, model.config.input)
    try:
        return image, Explainer(model, parse_methods(names))(image, windows)
    finally:
        windows.tiles.close()


def values(layer: Layer) -> NDArray[np.float64]:
    """(L,) of a layer with one value per look."""
    return np.array([patch.values[0, 0] for patch in layer.patches], np.float64)


def layers_of(explanation: ImageExplanation) -> dict[str, Layer]:
    """By name."""
    return {layer.method.name: layer for layer in explanation.layers}


class TestExplainer:
    def test_every_kind_that_is_asked_for(self, small: FinishedRun) -> None:
        """One layer each, in order; the looks are the tables' own, and nobody's remark is needed."""
        _, found = explained(small)

        assert list(layers_of(found)) == [name for name in METHODS if name != "looks"]
        assert found.remark is None
        assert list(layers_of(explained(small, "cells,evidence")[1])) == ["evidence", "cells"]

    def test_evidence_is_the_run_s_prediction(self, small: FinishedRun) -> None:
        """The mean's evidence for the label, divided by the temperature, is what the run's probabilities say."""
        image, found = explained(small)
        layers = layers_of(found)
        logs = {name: np.log(p) for name, p in image.probabilities.items()}
        above_mean = logs[str(image.label)] - np.mean(list(logs.values()))

        assert values(layers["evidence"]).sum() / SMALL.temperature == pytest.approx(
            above_mean, abs=1e-5
        )
        assert values(layers["weights"]) == pytest.approx(np.full(9, 1 / 9))
        assert [one.region for one in layers["evidence"].patches] == [
            look.region for look in image.looks
        ]

    def test_cells_hold_the_looks_that_were_chosen(self, small: FinishedRun) -> None:
        """49 cells per coarse look; all later looks are among them, the second one has the best score."""
        image, found = explained(small)
        cells = layers_of(found)["cells"]
        offered = {(one.depth, one.region) for one in cells.patches}
        first = [one for one in cells.patches if one.look == 0]

        assert len(first) == 49
        assert {(look.depth, look.region) for look in image.looks[1:]} <= offered
        assert max(first, key=lambda one: one.values[0, 0]).region == image.looks[1].region
        assert sum(one.values[0, 0] for one in first) == pytest.approx(49, rel=1e-4)

    def test_inside_of_the_most_telling_looks(self, small: FinishedRun) -> None:
        """Grad-CAM of the four looks with most evidence, less those with next to none; of this network no CAM."""
        _, found = explained(small)
        layers = layers_of(found)
        evidence = values(layers["evidence"])
        order = np.argsort(-evidence, kind="stable")[:NUM_TELLING]
        order = order[evidence[order] >= MIN_TELLING * evidence.max()]
        inside = layers["grad_cam"]

        assert [patch.look for patch in inside.patches] == order.tolist()
        assert len(order) > 1
        assert all(patch.values.shape == (96, 96) for patch in inside.patches)
        assert layers["cam"].patches == ()
        assert "Grad-CAM" in str(layers["cam"].problem)

    def test_cam_of_a_network_that_has_one(self, baseline: FinishedRun) -> None:
        """The mean over the map is the look's own logit above all classes' but for biases; there are no cells."""
        image, found = explained(baseline)
        layers = layers_of(found)
        model = model_of_run(baseline)
        network = load_runner(model).network
        windows = windows_of(image, model.config.input)
        pixels = torch.from_numpy(windows.read(image.looks[0].region).pixels)[None]
        windows.tiles.close()
        index = CLASSES.index(str(image.label))
        with torch.no_grad():
            features = network.look(pixels, torch.zeros(1, 3, dtype=torch.int64)).features
            linear = list(network.aggregation.classification.modules())[-1]
            logits = (network.aggregation.classification(features) - linear.bias)[0]
            expected = logits[index] - logits.mean()

        [patch] = layers["cam"].patches
        assert patch.values.mean() == pytest.approx(expected.item(), rel=1e-3)
        assert "candidate cells" in str(layers["cells"].problem)

    def test_a_missing_package_is_a_line(
        self, small: FinishedRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the extra the layer says how to get it; the others are there."""
        monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
        layers = layers_of(explained(small)[1])

        assert "pip install 'foveate[explain]'" in str(layers["grad_cam"].problem)
        assert layers["evidence"].patches

    def test_images_on_a_server(self, small: FinishedRun, web: LoggingServer) -> None:
        """An image behind a URL is explained as the same image on a disk is."""
        image, near = explained(small, "evidence,cells")
        shutil.copy(image.image_path, web.root / "a.tif")
        far_run = replace(image, image_path=web.url("a.tif"))
        model = model_of_run(small)
        windows = windows_of(far_run, model.config.input)
        far = Explainer(model, parse_methods("evidence,cells"))(far_run, windows)
        windows.tiles.close()
        for one, other in zip(near.layers, far.layers, strict=True):
            assert [p.values.tolist() for p in one.patches] == [
                p.values.tolist() for p in other.patches
            ]

    def test_other_pixels_are_told(self, tmp_path: Path) -> None:
        """Of an image that was replaced by one of the same size the page says that the model says something else."""
        run = run_of(tmp_path, SMALL)
        black = np.zeros((700, 600, 3), np.uint8)
        write_pyramid_tiff(tmp_path / "a.tif", halves(black, 3), photometric="rgb", tile=(64, 64))
        _, found = explained(run, "evidence")

        assert "in the run it was" in str(found.remark)


class TestModelOfRun:
    def test_has_the_changes_of_the_run(self, small: FinishedRun) -> None:
        """What --set changed for the run is changed again."""
        settings = {**small.facts["settings"], "walk.budget": 4, "input.background": 0.25}
        changed = FinishedRun(
            directory=small.directory, facts={**small.facts, "settings": settings}, num_images=2
        )
        config = model_of_run(changed).config

        assert (config.walk.budget, config.input.background) == (4, 0.25)
        assert config.walk.max_overlap == 0.45

    def test_a_changed_model_is_refused(self, tmp_path: Path) -> None:
        """Another temperature is another model: the error has both hashes and the way out."""
        run = run_of(tmp_path, SMALL)
        data = config_to_json(SMALL)
        (tmp_path / "model" / CONFIG).write_text(json.dumps({**data, "temperature": 2.0}))
        was = run.facts["settings"]["model.sha256"][:12]
        with pytest.raises(UsageError, match=f"not the one.*was {was}.*--model"):
            model_of_run(run)

    def test_a_model_that_moved(self, tmp_path: Path) -> None:
        """Without its place the error says how to give another; there it is taken."""
        run = run_of(tmp_path, SMALL)
        (tmp_path / "model").rename(tmp_path / "elsewhere")
        with pytest.raises(UsageError, match="--model"):
            model_of_run(run)

        assert model_of_run(run, str(tmp_path / "elsewhere")).config.class_names == CLASSES
