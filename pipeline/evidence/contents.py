"""What the report says, as the values that its page is filled with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.evidence.image_detail import detail_of
from pipeline.evidence.methods import Method
from pipeline.evidence.palette import legend
from pipeline.evidence.pictures import Pictures
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import FinishedRun

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
MAX_POINTS = 200
"""Of the curve."""


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
        "classes": sorted({name for image in images for name in image.probabilities}),
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
        is_wrong = _is_known(image) and image.label != image.true_label
        return not is_wrong, image.status != "degraded", image.confidence or 0.0

    return sorted((image for image in images if image.looks), key=place)


def accuracy_curve(images: Sequence[FinishedImage]) -> dict[str, Any]:
    """Share of right predictions after so many looks; where labels are missing, of agreement with the last."""
    seen = [image for image in images if image.label is not None]
    is_labelled = bool(seen) and all(_is_known(image) for image in seen)
    counts = _counts(max((len(image.looks) for image in seen), default=0))
    hits = [0] * len(counts)
    for image in seen:
        wanted = image.true_label if is_labelled else image.label
        for at, is_right in enumerate(_right_after(image, wanted, counts)):
            hits[at] += is_right
    shares = [count / len(seen) for count in hits]
    return {"is_accuracy": is_labelled, "looks": counts, "shares": shares, "images": len(seen)}


def _counts(longest: int) -> list[int]:
    """Numbers of looks from 1 to the longest walk's: all of them, or `MAX_POINTS` of a full scan's million."""
    if longest <= MAX_POINTS:
        return list(range(1, longest + 1))
    return [1 + (longest - 1) * at // (MAX_POINTS - 1) for at in range(MAX_POINTS)]


def _right_after(image: FinishedImage, wanted: str | None, counts: Sequence[int]) -> Iterator[bool]:
    """Whether the prediction was right after each of so many looks; between predictions the last word stands."""
    is_right, taken = False, 0
    for count in counts:
        for look in image.looks[taken:count]:
            if look.label_so_far:
                is_right = look.label_so_far == wanted
        taken = count
        yield is_right


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
