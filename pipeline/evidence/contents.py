"""What the report says, as the values that its page is filled with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evidence.image_detail import detail_of
from pipeline.evidence.methods import Method
from pipeline.evidence.palette import legend
from pipeline.evidence.pictures import Pictures
from pipeline.records.finished_run import FinishedImage, FinishedRun

IMAGE_COLUMNS = (
    "sample_id",
    "status",
    "label",
    "true_label",
    "confidence",
    "looks",
    "bytes_read",
    "full_scan_bytes",
    "seconds",
    "image_path",
    "error",
)


def contents(
    run: FinishedRun,
    images: Sequence[FinishedImage],
    pictures: Mapping[str, Pictures],
    tables: Mapping[str, Any],
    methods: Sequence[Method] = (),
) -> dict[str, Any]:
    """Everything that the page shows, ready for JSON. `methods`: kinds of explanation that were asked for."""
    explanations = {"methods": _methods(methods)} if methods else {}
    return {
        "title": run.directory.name,
        "facts": _facts(run),
        "totals": _totals(images),
        "curve": accuracy_curve(images),
        "levels": _bytes_by_level(images),
        "columns": IMAGE_COLUMNS,
        "rows": [_row(image) for image in images],
        "details": {
            image.sample_id: detail_of(image, pictures[image.sample_id])
            for image in images
            if image.sample_id in pictures
        },
        "tables": tables,
        **explanations,
    }


def most_telling(images: Sequence[FinishedImage]) -> list[FinishedImage]:
    """Those to picture first: wrong, then degraded, then least sure. Failed ones have nothing to show."""

    def place(image: FinishedImage) -> tuple[bool, bool, float]:
        is_wrong = image.true_label is not None and image.label != image.true_label
        return not is_wrong, image.status != "degraded", image.confidence or 0.0

    return sorted((image for image in images if image.looks), key=place)


def accuracy_curve(images: Sequence[FinishedImage]) -> dict[str, Any]:
    """Share of right predictions after every number of looks; where labels are missing, of agreement with the last."""
    seen = [image for image in images if image.label is not None]
    is_labelled = bool(seen) and all(_is_known(image) for image in seen)
    longest = max((len(image.looks) for image in seen), default=0)
    hits = [0] * longest
    for image in seen:
        wanted, is_right = image.true_label if is_labelled else image.label, False
        for order in range(longest):
            if order < len(image.looks) and (said := image.looks[order].label_so_far):
                is_right = said == wanted  # else the last word stands
            hits[order] += is_right
    shares = [count / len(seen) for count in hits]
    return {"is_accuracy": is_labelled, "shares": shares, "images": len(seen)}


def _facts(run: FinishedRun) -> dict[str, Any]:
    names = ("model", "started", "seconds", "status", "arguments", "is_trained", "versions")
    return {name: run.facts.get(name) for name in names}


def _totals(images: Sequence[FinishedImage]) -> dict[str, Any]:
    known = [image for image in images if image.label is not None and _is_known(image)]
    compared = [image for image in images if _full_scan_bytes(image) is not None]
    return {
        "status": Counter(image.status for image in images),
        "labels": Counter(image.label for image in images if image.label is not None),
        "labelled": len(known),
        "right": sum(image.label == image.true_label for image in known),
        "looks": sum(len(image.looks) for image in images),
        "bytes_read": sum(image.bytes_read for image in images),
        "compared_bytes": sum(image.bytes_read for image in compared),
        "full_scan_bytes": sum(_full_scan_bytes(image) or 0 for image in compared),
    }


def _is_known(image: FinishedImage) -> bool:
    """Whether the model can be right: its true label is one of the classes, as summary.md counts."""
    return image.true_label in image.probabilities


def _bytes_by_level(images: Sequence[FinishedImage]) -> list[dict[str, Any]]:
    read: Counter[int] = Counter()
    stored: dict[int, int | None] = {}
    for image in images:
        for level in image.ledger:
            number = -1 if level.level is None else level.level
            read[number] += level.transferred_bytes
            so_far, more = stored.get(number, 0), level.full_scan_bytes
            stored[number] = None if so_far is None or more is None else so_far + more
    return [
        {"level": number, "read": read[number], "stored": stored[number]} for number in sorted(read)
    ]


def _full_scan_bytes(image: FinishedImage) -> int | None:
    """Of the finest level that was used."""
    levels = [level for level in image.ledger if level.level == image.finest_level]
    return levels[0].full_scan_bytes if levels and image.finest_level is not None else None


def _row(image: FinishedImage) -> list[Any]:
    return [
        image.sample_id,
        image.status,
        image.label,
        image.true_label,
        image.confidence,
        len(image.looks),
        image.bytes_read,
        _full_scan_bytes(image),
        image.seconds,
        image.image_path,
        image.error,
    ]


def _methods(methods: Sequence[Method]) -> dict[str, Any]:
    return {
        one.name: {
            "title": one.title,
            "caption": one.caption,
            "is_signed": one.is_signed,
            "is_inside": one.is_inside,
            "legend": legend(is_signed=one.is_signed),
        }
        for one in methods
    }
