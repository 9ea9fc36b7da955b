"""report.html in a real browser, and what it is filled with."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from pipeline.errors import UsageError
from pipeline.evidence.contents import MAX_POINTS, accuracy_curve, contents, most_telling
from pipeline.evidence.report import render, write_report
from pipeline.records.finished_run import open_run
from tests.image_files import slide
from tests.pipeline.evidence.runs import NUM_LOOKS, write_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "</script><img src=x onerror=document.title='hit'>&amp;\u2028<b>"
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images, one of a name that wants to be markup."""
    names = [f"image {index:02}" for index in range(11)] + [HOSTILE]
    return write_run(tmp_path_factory.mktemp("report") / "run", names)


@pytest.fixture(scope="module")
def browser_page(run: Path) -> Iterator[Page]:
    """The report, opened; anything that a page may complain of fails the test that caused it."""
    path = write_report(open_run(run))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(20_000)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(path.as_uri())
        yield page
        browser.close()
    assert problems == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def ids(page: Page) -> list[str]:
    """Names in the table, as they stand."""
    return page.locator("#body tr td:first-child").all_text_contents()


def brightness(part: Locator) -> NDArray[np.float64]:
    """(H, W) mean of the channels, as it is shown."""
    picture = Image.open(io.BytesIO(part.screenshot())).convert("RGB")
    return np.asarray(picture, np.float64).mean(axis=2)


def looks_of(run: Path, name: str) -> list[dict[str, int]]:
    """Rows of an image in their order."""
    rows: list[dict[str, int]] = pq.read_table(run / "glimpses").to_pylist()
    return sorted((row for row in rows if row["sample_id"] == name), key=lambda row: row["order"])


@needs_browser
class TestPage:
    def test_names_are_text(self, browser_page: Page) -> None:
        """A name that is markup is shown as it is, and nothing of it runs."""
        assert HOSTILE in ids(browser_page)
        assert browser_page.title() == "foveate: run"
        assert browser_page.locator("#body img").count() == 0

    def test_it_sorts(self, browser_page: Page) -> None:
        """A column's button sorts by it, once more turns it round."""
        confidence = browser_page.locator("#body tr td:nth-child(5)")
        browser_page.get_by_role("button", name="confidence").click()
        down = [float(text) for text in confidence.all_text_contents()]
        browser_page.get_by_role("button", name="confidence").click()
        up = [float(text) for text in confidence.all_text_contents()]

        assert down == sorted(down, reverse=True)
        assert up == sorted(up)
        assert browser_page.locator("th[aria-sort=ascending]").count() == 1

    def test_it_filters(self, browser_page: Page) -> None:
        """Text and kind narrow the table, and the count says so."""
        browser_page.fill("#find", "image 0")
        assert len(ids(browser_page)) == 10
        assert "10 of 12" in browser_page.inner_text("#count")
        browser_page.select_option("#which", "wrong")
        assert ids(browser_page) != []
        assert browser_page.locator("#body td.right").count() == 0
        browser_page.fill("#find", "")
        browser_page.select_option("#which", "all")
        assert len(ids(browser_page)) == 12

    def test_keys_open_an_image_and_close_it(self, browser_page: Page) -> None:
        """Arrow, Enter, Escape: the image with its overview, looks and ledger comes and goes, focus returns."""
        browser_page.locator("#body tr").first.focus()
        browser_page.keyboard.press("ArrowDown")
        second = ids(browser_page)[1]
        browser_page.keyboard.press("Enter")
        detail = browser_page.locator("#detail")
        assert detail.locator("h2").inner_text() == second
        assert detail.locator(".overview img").evaluate("node => node.naturalWidth") > 100
        assert detail.locator(".looks li").count() == NUM_LOOKS
        assert detail.locator(".overview rect").count() == NUM_LOOKS
        assert detail.locator("tbody tr").count() == 4
        browser_page.keyboard.press("Escape")
        assert not detail.is_visible()
        assert browser_page.evaluate("document.activeElement.dataset.id") == second

    def test_only_what_was_not_looked_at_is_shaded(self, browser_page: Page, run: Path) -> None:
        """Inside a look, and where two overlap, the overview is as bright as the picture; elsewhere it is darker."""
        name = "image 00"
        browser_page.locator(f'#body tr[data-id="{name}"]').press("Enter")
        box = browser_page.locator("#detail .overview")
        shown = brightness(box)
        box.locator("svg").evaluate("node => { node.style.visibility = 'hidden' }")
        bare = brightness(box)
        browser_page.keyboard.press("Escape")
        *_, before, last = looks_of(run, name)
        scale = bare.shape[0] / 600, bare.shape[1] / 500
        inside = np.s_[
            round((last["y_px"] + 12) * scale[0]) : round((before["y_px"] + 52) * scale[0]),
            round((last["x_px"] + 12) * scale[1]) : round((before["x_px"] + 52) * scale[1]),
        ]

        assert inside[0].stop - inside[0].start > 4
        assert np.median(shown[inside] / bare[inside]) == pytest.approx(1, abs=0.02)
        assert np.median(shown / bare) == pytest.approx(0.72, abs=0.02)

    def test_it_prints(self, browser_page: Page) -> None:
        """On paper there is a page or more, without the filters."""
        assert browser_page.pdf(format="A4").startswith(b"%PDF")
        browser_page.emulate_media(media="print")
        assert not browser_page.locator(".filters").is_visible()
        browser_page.emulate_media(media="screen")


class TestContents:
    def test_labels_that_the_model_never_says_do_not_count(self, run: Path) -> None:
        """As in summary.md: such an image is not wrong, and without labels of all there is no accuracy."""
        images = [replace(image, true_label="bird") for image in open_run(run).images()]
        data = contents(open_run(run), images, {}, {})

        assert data["totals"]["labelled"] == 0
        assert not data["curve"]["is_accuracy"]

    def test_images_that_cannot_be_judged_come_after_those_that_are_wrong(self, run: Path) -> None:
        """A label that is no class is no mistake of the model, however unsure it was."""
        first, second, *_ = open_run(run).images()
        strange = replace(first, true_label="bird", confidence=0.0)
        wrong = replace(second, true_label="dog" if second.label == "cat" else "cat")

        assert most_telling([strange, wrong]) == [wrong, strange]

    def test_a_curve_of_a_million_looks_has_few_points(self, run: Path) -> None:
        """The first, the last, and some between, each with the share after just so many looks."""
        image = next(iter(open_run(run).images()))
        look, other = image.looks[-1], "dog" if image.label == "cat" else "cat"
        told = [
            replace(look, label_so_far=image.label if at >= 5000 else other) for at in range(9999)
        ]
        curve = accuracy_curve([replace(image, looks=told, true_label=image.label)])

        assert len(curve["looks"]) == len(curve["shares"]) == MAX_POINTS
        assert (curve["looks"][0], curve["looks"][-1]) == (1, 9999)
        assert curve["shares"] == [float(count > 5000) for count in curve["looks"]]

    def test_what_no_index_says_is_not_nothing(self, run: Path) -> None:
        """Stored bytes of a level are unknown where those of one image are."""
        first, *others = open_run(run).images()
        unknown = tuple(replace(level, full_scan_bytes=None) for level in first.ledger)
        images = [replace(first, ledger=unknown), *others]
        found = contents(open_run(run), images, {}, {})["levels"]

        assert [level["stored"] for level in found] == [None] * len(found)
        assert all(level["read"] for level in found)

    def test_numbers_that_are_none_leave_the_page_readable(self) -> None:
        """NaN is no JSON: a browser would show nothing at all."""
        page = render({"title": "t", "rows": [[float("nan"), float("inf"), 0.5]]})

        assert '"rows":[[null,null,0.5]]' in page

    def test_the_curve_counts_what_was_right_after_each_look(self, run: Path) -> None:
        """After the first look all say cat; after the last a quarter is wrong."""
        images = list(open_run(run).images())
        curve = accuracy_curve(images)
        after_first = sum(image.true_label == "cat" for image in images) / len(images)

        assert curve["is_accuracy"]
        assert len(curve["shares"]) == NUM_LOOKS
        assert curve["shares"][0] == pytest.approx(after_first)
        assert curve["shares"][-1] == pytest.approx(0.75)

    def test_wrong_images_are_pictured_first(self, run: Path) -> None:
        """Wrong ones, then the least sure."""
        order = most_telling(list(open_run(run).images()))

        assert [image.label != image.true_label for image in order] == [True] * 3 + [False] * 9
        sure = [image.confidence or 0 for image in order[3:]]
        assert sure == sorted(sure)

    def test_an_image_that_became_another_is_told(self, tmp_path: Path) -> None:
        """Pictures of a file of another size would show what nobody looked at."""
        directory = write_run(tmp_path / "run", ["a"], num_files=1)
        slide(directory / "0.tif", 300, 300)
        text = write_report(open_run(directory)).read_text()

        assert "300 x 300 px now and had 600 x 500 in the run" in text
        assert "data:image/webp" not in text

    def test_an_image_that_is_gone_is_told(self, tmp_path: Path) -> None:
        """Without its file an image keeps its numbers, and the page says why there are no pictures."""
        directory = write_run(tmp_path / "run", ["a"], num_files=1)
        (directory / "0.tif").unlink()
        text = write_report(open_run(directory)).read_text()

        assert "No such file" in text
        assert '"overview":null' in text

    def test_ten_thousand_images_stay_below_25_mb(self, run: Path) -> None:
        """Rows of 10,000 images and pictures of 200 fit."""
        found = open_run(run)
        few = list(found.images())
        many = [few[index % len(few)] for index in range(10_000)]
        plain = len(render(contents(found, many, {}, {})).encode())

        assert plain < 5_000_000

    def test_a_directory_without_a_run_is_refused(self, tmp_path: Path) -> None:
        """The error says what to give."""
        with pytest.raises(UsageError, match="no run there"):
            open_run(tmp_path)
