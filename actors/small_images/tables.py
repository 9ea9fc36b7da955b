"""The tables of the papers, as far as the data goes: networks side by side, attacked, and used on other images."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from actors.small_images.robustness import Robustness, attacked
from actors.small_images.trained_run import TrainedRun
from actors.small_images.transfer import Transfer, transferred
from pipeline.benchmarks.small_images.dataset import LabelledImages
from pipeline.records.store.disk_store import write_atomically
from pipeline.savings.summary import Estimate, mean

JSON, MARKDOWN = "tables.json", "tables.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLine:
    """One run."""

    name: str
    """Network and its options."""
    seed: int
    """Of the run."""
    preparation: str
    """Of the images."""
    robustness: tuple[Robustness, ...]
    """Without a step, then by norm."""
    transfer: Transfer | None
    """None: not asked for."""


def line_of(run: TrainedRun, test: LabelledImages, other: LabelledImages | None) -> NetworkLine:
    """Measure a run.

    Args:
        run: a trained network.
        test: images that it has not seen, to attack.
        other: images of another world, or None.

    Raises:
        UsageError: if a class of `other` has too few images.
    """
    return NetworkLine(
        name=run.name,
        seed=run.settings.seed,
        preparation=run.settings.preparation,
        robustness=attacked(run.network, test),
        transfer=None if other is None else transferred(run.network, other),
    )


def markdown_of(lines: Sequence[NetworkLine]) -> str:
    """Three tables: accuracy after a step, share of changed answers, transfer; means where a network has several seeds.

    Intervals are Wilson's, of means Student's.

    The paper on learning to pay attention finds that attention makes VGG a little harder to fool at norm 1 (53.8 % of
    answers changed, 58.6 % without), and not at norm 16 (97.6 % against 96.5 %).
    """
    norms = [one.norm for one in lines[0].robustness]
    heads = ["network", "seed", "as they are", *(f"{norm}/255" for norm in norms[1:])]
    accuracy = _table(heads, lines, lambda line: [one.accuracy for one in line.robustness])
    fooled = _table(
        [heads[0], heads[1], *heads[3:]],
        lines,
        lambda line: [one.fooled for one in line.robustness[1:]],
    )
    count = lines[0].robustness[0].accuracy.count
    parts = [
        f"Accuracy after a step against the answer, {count} test images (95 % intervals)\n",
        accuracy,
        "\nShare of answers that the step changes\n",
        fooled,
    ]
    transfers = [line for line in lines if line.transfer is not None]
    if transfers:
        parts += [
            "\nLinear support vector machine on features, five folds\n",
            _transfers(transfers),
        ]
    return "\n".join(parts) + "\n"


def write_tables(directory: Path, lines: Sequence[NetworkLine]) -> str:
    """tables.json and tables.md; the text of the latter comes back."""
    directory.mkdir(parents=True, exist_ok=True)
    text = markdown_of(lines)
    data = json.dumps([asdict(line) for line in lines], indent=2) + "\n"
    write_atomically(directory / JSON, data.encode())
    write_atomically(directory / MARKDOWN, text.encode())
    return text


def _table(
    heads: Sequence[str],
    lines: Sequence[NetworkLine],
    figures_of: Callable[[NetworkLine], list[Estimate]],
) -> str:
    rows = [list(heads)]
    for name in dict.fromkeys(line.name for line in lines):
        seeds = [line for line in lines if line.name == name]
        rows += [[name, str(line.seed), *map(_told, figures_of(line))] for line in seeds]
        if len(seeds) > 1:
            columns = zip(*map(figures_of, seeds), strict=True)
            means = [mean([one.value for one in column]) for column in columns]
            rows.append([name, f"mean of {len(seeds)}", *map(_told, means)])
    return _as_markdown(rows)


def _transfers(lines: Sequence[NetworkLine]) -> str:
    rows = [["network", "seed", "images", "features", "prepared by", "accuracy", "folds"]]
    for line in lines:
        found = line.transfer
        if found is not None:
            folds = ", ".join(f"{one:.1%}" for one in found.folds)
            counts = [str(found.num_images), str(found.num_features), line.preparation]
            rows.append([line.name, str(line.seed), *counts, f"{found.accuracy:.1%}", folds])
    return _as_markdown(rows)


def _told(figure: Estimate) -> str:
    return f"{figure.value:.1%} ({max(0.0, figure.low):.1%} to {min(1.0, figure.high):.1%})"


def _as_markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])
