"""Explanations in the page: what it holds, and what a browser makes of it."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from pipeline.errors import ImageChangedError
from pipeline.evidence import explained
from pipeline.evidence.explained import AskModel, ExplanationPlan
from pipeline.evidence.layer import ImageExplanation, Layer, Patch
from pipeline.evidence.methods import METHODS, parse_methods
from pipeline.evidence.palette import colours
from pipeline.evidence.report import write_report
from pipeline.images.window import WindowReader
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import open_run
from tests.pipeline.evidence.runs import NUM_LOOKS, write_run
from tests.pipeline.evidence.test_report import CHROMIUM, needs_browser

DETAIL_KEYS = {
    "height_px",
    "width_px",
    "overview",
    "problem",
    "probabilities",
    "unseen",
    "looks",
    "num_looks",
    "pictures",
    "ledger",
}
PAGE_KEYS = {
    "title",
    "facts",
    "totals",
    "curve",
    "levels",
    "classes",
    "columns",
    "rows",
    "details",
    "tables",
}


def asked(image: FinishedImage, windows: WindowReader) -> ImageExplanation:
    """Every look says its place in the walk, less two; two looks have maps inside. No CAM."""
    pixels = windows.read(image.looks[0].region).pixels
    assert pixels.shape == (3, 64, 64)
    evidence = tuple(
        Patch(
            look=look.order,
            region=look.region,
            depth=look.depth,
            values=np.full((1, 1), look.order - 2, np.float32),
        )
        for look in image.looks
    )
    ramp = np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7)
    inside = tuple(
        Patch(look=at, region=image.looks[at].region, depth=1, values=ramp) for at in (5, 3)
    )
    return ImageExplanation(
        layers=(
            Layer(method=METHODS["evidence"], patches=evidence, unit="things"),
            Layer(method=METHODS["cam"], problem="there is no CAM of this network"),
            Layer(method=METHODS["grad_cam"], patches=inside),
        ),
        remark="Something <b> to know.",
    )


def data_of(path: Path) -> Any:
    """What a page is filled with."""
    found = re.search(
        r'<script id="data" type="application/json">(.*?)</script>', path.read_text(), re.DOTALL
    )
    assert found
    return json.loads(found[1])


def explained_page(directory: Path, ask: AskModel | None = asked, names: str = "all") -> Path:
    """The report of two images."""
    run = write_run(directory / "run", ["a", "b"], num_files=2)
    return write_report(
        open_run(run), plan=ExplanationPlan(methods=parse_methods(names), ask_model=ask)
    )


def pixels_of(url: str) -> Any:
    """(h, w, 4) of a data URL."""
    file = io.BytesIO(base64.b64decode(url.partition(",")[2]))
    return np.asarray(Image.open(file).convert("RGBA"))


class TestData:
    def test_without_it_nothing_is_added(self, tmp_path: Path) -> None:
        """A page of which no explanation was asked holds what it always held."""
        path = write_report(open_run(write_run(tmp_path / "run", ["a"], num_files=1)))
        data = data_of(path)

        assert set(data) == PAGE_KEYS
        assert set(data["details"]["a"]) == DETAIL_KEYS

    def test_layers_windows_and_values(self, tmp_path: Path) -> None:
        """All kinds that could be drawn, the lines of those that could not, and a number per look."""
        data = data_of(explained_page(tmp_path))
        found = data["details"]["a"]["explained"]
        layers = {name: rest for name, *rest in found["layers"]}

        assert list(data["methods"]) == list(METHODS)
        assert list(layers) == ["looks", "evidence", "cam", "grad_cam"]
        assert layers["cam"] == [None, 0.0, "", "there is no CAM of this network"]
        assert layers["evidence"][2] == "things"
        assert found["values"] == {"evidence": {str(at): at - 2 for at in range(NUM_LOOKS)}}
        assert [window[0] for window in found["windows"]] == [5, 3]
        assert list(found["windows"][0][2]) == ["grad_cam"]
        assert pixels_of(found["windows"][0][2]["grad_cam"]).shape == (7, 7, 4)
        assert found["remark"] == "Something <b> to know."

    def test_the_map_has_the_colours_of_its_numbers(self, tmp_path: Path) -> None:
        """The first look covers the image and says -2; where no other lies the map has that colour."""
        data = data_of(explained_page(tmp_path))
        [evidence] = [
            one for one in data["details"]["a"]["explained"]["layers"] if one[0] == "evidence"
        ]
        shown, largest = pixels_of(evidence[1]), evidence[2]
        step = 1 + round((1 - 2 / largest) / 2 * 254)

        assert shown.shape == (224, 187, 4)  # of 600 x 500 pixels
        assert (shown == colours(is_signed=True)[step]).all(axis=2).mean() > 0.5

    def test_the_tables_alone(self, tmp_path: Path) -> None:
        """How closely it was looked needs no model: step 1 where only the first look was, 2 at the others."""
        data = data_of(explained_page(tmp_path, ask=None, names="looks"))
        [[name, picture, largest, unit, problem]] = data["details"]["a"]["explained"]["layers"]
        shown = pixels_of(picture)
        table = colours(is_signed=False)

        assert (name, largest, unit, problem) == ("looks", 2.0, "step of the walk", None)
        assert {tuple(one) for one in shown.reshape(-1, 4)} == {
            tuple(table[128]),
            tuple(table[255]),
        }

    def test_an_image_that_changed_is_a_line(self, tmp_path: Path) -> None:
        """The other layers and images stay, and the page says why the model was not asked."""

        def only_b(image: FinishedImage, windows: WindowReader) -> ImageExplanation:
            if image.sample_id == "a":
                raise ImageChangedError("a.tif: it is another one")
            return asked(image, windows)

        details = data_of(explained_page(tmp_path, ask=only_b))["details"]
        found = details["a"]["explained"]

        assert found["remark"].endswith("a.tif: it is another one")
        assert [layer[0] for layer in found["layers"]] == ["looks"]
        assert details["a"]["overview"].startswith("data:")
        assert len(details["b"]["explained"]["layers"]) == 4

    def test_an_image_that_is_gone_is_a_line(self, tmp_path: Path) -> None:
        """As without explanations: its numbers stay."""
        directory = write_run(tmp_path / "run", ["a"], num_files=1)
        (directory / "0.tif").unlink()
        plan = ExplanationPlan(methods=parse_methods("all"), ask_model=asked)
        detail = data_of(write_report(open_run(directory), plan=plan))["details"]["a"]

        assert "No such file" in detail["problem"]
        assert "explained" not in detail

    def test_too_many_looks_are_not_taken_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full scan is told, not repeated."""
        monkeypatch.setattr(explained, "MAX_LOOKS_ASKED", NUM_LOOKS - 1)
        found = data_of(explained_page(tmp_path))["details"]["a"]["explained"]

        assert "the image has 6 looks" in found["remark"]
        assert [layer[0] for layer in found["layers"]] == ["looks"]

    def test_maps_count_as_pictures(self, tmp_path: Path) -> None:
        """What they take is known, so the page's limit holds for them too: about 40 kB an image at most here."""
        directory = write_run(tmp_path / "run", ["a"], num_files=1)
        before = write_report(open_run(directory)).stat().st_size
        plan = ExplanationPlan(methods=parse_methods("all"), ask_model=asked)
        after = write_report(open_run(directory), plan=plan).stat().st_size

        assert after - before < 40_000


@pytest.fixture(scope="module")
def browser_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """An explained report, its first image open; a complaint of the page fails the tests."""
    path = explained_page(tmp_path_factory.mktemp("explained"))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(20_000)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(path.as_uri())
        page.locator("#body tr").first.click()
        yield page
        browser.close()
    assert problems == []


@needs_browser
class TestPage:
    def test_one_map_at_a_time(self, browser_page: Page) -> None:
        """Each kind can be chosen and shows its own picture, legend and caption; the evidence comes first."""
        shown = browser_page.locator(".overview img.map")
        assert browser_page.locator("input[value=evidence]").is_checked()
        pictures = set()
        for name in ("looks", "evidence", "grad_cam"):
            browser_page.locator(f"input[value={name}]").check()
            assert shown.is_visible()
            assert shown.evaluate("node => node.naturalWidth") == 187
            pictures.add(shown.get_attribute("src"))
            assert METHODS[name].caption in browser_page.locator(".layers").inner_text()
        assert len(pictures) == 3
        browser_page.locator("input[value=none]").check()
        assert not shown.is_visible()
        assert browser_page.locator(".layers .scale").count() == 0

    def test_frames_come_and_go(self, browser_page: Page) -> None:
        """The frames of the looks hide what they frame; they can be put away."""
        frames = browser_page.locator(".overview svg")
        assert frames.is_visible()
        browser_page.get_by_label("frames of the looks").uncheck()
        assert not frames.is_visible()
        browser_page.get_by_label("frames of the looks").check()
        assert frames.is_visible()

    def test_a_larger_map_stays_large(self, browser_page: Page) -> None:
        """What was chosen for one image holds for the next that is opened."""
        box = browser_page.locator(".overview")
        narrow = box.evaluate("node => node.clientWidth")
        browser_page.get_by_label("large").check()
        wide = box.evaluate("node => node.clientWidth")
        browser_page.locator("#body tr").nth(1).click()
        assert narrow < 460 < wide
        assert box.evaluate("node => node.clientWidth") == wide
        browser_page.get_by_label("large").uncheck()
        assert box.evaluate("node => node.clientWidth") == narrow
        browser_page.locator("#body tr").first.click()

    def test_looks_have_their_numbers(self, browser_page: Page) -> None:
        """What a look said stands below it."""
        texts = browser_page.locator(".looks li").all_inner_texts()
        assert sum("evidence +" in text for text in texts) == 3
        assert sum("evidence -2" in text for text in texts) == 1

    def test_windows_and_lines(self, browser_page: Page) -> None:
        """Two looks with a picture and a map over it; what could not be made is said, as text."""
        assert browser_page.locator(".inside figure").count() == 2
        assert browser_page.locator(".inside .window").count() == 4
        widths = browser_page.locator(".inside img.map").evaluate_all(
            "nodes => nodes.map(node => node.naturalWidth)"
        )
        assert widths == [7, 7]
        told = browser_page.locator(".layers").inner_text()
        assert "there is no CAM of this network" in told
        assert "Something <b> to know." in told
