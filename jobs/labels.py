"""Labels of a list against the classes of a model."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import UsageError
from pipeline.image_record import ImageRecord


def refuse_unknown_labels(records: Sequence[ImageRecord], classes: Sequence[str]) -> None:
    """A label that the model never says would make every answer wrong.

    Raises:
        UsageError: naming the row.
    """
    for record in records:
        if record.label is not None and record.label not in classes:
            raise UsageError(
                f"{record.sample_id}: its label {record.label!r} is no class of the model "
                f"({', '.join(classes)}); correct the manifest, or leave the label empty"
            )
