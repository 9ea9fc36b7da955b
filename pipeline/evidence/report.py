"""Rebuild report.html from a run's tables, with pictures where the images can still be read."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.config_sections import config_of
from pipeline.evidence.contents import contents, most_telling
from pipeline.evidence.explained import ExplanationPlan
from pipeline.evidence.pictures import Pictures, take_pictures
from pipeline.images.input_spec import InputSpec
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import FinishedRun
from pipeline.records.run import write_text

MAX_PICTURE_BYTES = 20 * 10**6
"""Of all pictures together; the page stays below 25 MB with what else is in it."""
MAX_PICTURED = 200
"""Images with pictures."""
NUM_READERS = 4
"""Images read at once."""
SIDE_TABLES = ("savings_summary", "costs", "audit")
"""Tables that other commands leave; shown as they are."""
MAX_SIDE_ROWS = 500


def write_report(
    run: FinishedRun, *, with_pictures: bool = True, plan: ExplanationPlan | None = None
) -> Path:
    """Write DIR/report.html, whole; returns its path. With a plan, pictured images are explained."""
    images = list(run.images())
    chosen = most_telling(images)[:MAX_PICTURED] if with_pictures else []
    pictures = dict(_pictures(chosen, _spec(run), plan))
    path = run.directory / "report.html"
    methods = () if plan is None else plan.methods
    data = contents(run, images, pictures, _side_tables(run.directory), methods)
    write_text(path, render(data))
    return path


def render(data: Mapping[str, Any]) -> str:
    """The page with its data inside. Names of files may hold anything: no text of theirs becomes markup."""
    page = files("pipeline.evidence") / "page"
    parts = {
        "title": html.escape(f"foveate: {data['title']}"),
        "style": _joined(page, "report.css", "layers.css"),
        "script": _joined(page, "layers.js", "report.js"),
        "data": _inert(json.dumps(_finite(data), ensure_ascii=False, separators=(",", ":"))),
    }
    text = (page / "report.html").read_text(encoding="utf-8")
    for name, value in parts.items():
        text = text.replace(f"<!--{name}-->", value, 1)
    return text


def _joined(page: Traversable, *names: str) -> str:
    return "\n".join((page / name).read_text(encoding="utf-8") for name in names)


def _finite(value: Any) -> Any:
    """Without NaN and infinity, which no browser reads in JSON: the page would be empty."""
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _inert(text: str) -> str:
    """JSON that no parser of HTML sees an end of the script in."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _spec(run: FinishedRun) -> InputSpec:
    settings: Mapping[str, Any] = run.facts["settings"]
    prefix = "input."
    return config_of(
        InputSpec,
        {k.removeprefix(prefix): v for k, v in settings.items() if k.startswith(prefix)},
        "input",
    )


def _pictures(
    images: Sequence[FinishedImage], spec: InputSpec, plan: ExplanationPlan | None
) -> Iterator[tuple[str, Pictures]]:
    """Until there is no more room for them in the page."""
    left = MAX_PICTURE_BYTES
    with ThreadPoolExecutor(NUM_READERS) as pool:
        taken = pool.map(partial(take_pictures, spec=spec, plan=plan), images)
        for image, pictures in zip(images, taken, strict=True):
            left -= pictures.size_bytes
            if left < 0:
                pool.shutdown(cancel_futures=True)
                return
            yield image.sample_id, pictures


def _side_tables(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in SIDE_TABLES:
        if any((directory / name).glob("*.parquet")):
            table = pq.read_table(directory / name)
            rows = [list(row.values()) for row in table.slice(0, MAX_SIDE_ROWS).to_pylist()]
            found[name] = {
                "columns": table.column_names,
                "rows": rows,
                "num_rows": table.num_rows,
            }
    return found
