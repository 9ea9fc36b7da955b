"""The model of a finished run, from what the run recorded of it: the same files, with the same changes."""

from __future__ import annotations

from actors.model_directory import OF_THE_RUN, ModelDirectory, open_model
from pipeline.errors import ConfigError, UsageError
from pipeline.records.finished_run import FinishedRun

_SECTIONS = ("walk.", "input.", *OF_THE_RUN)


def model_of_run(run: FinishedRun, place: str | None = None) -> ModelDirectory:
    """The model that a run was made with.

    Args:
        run: read back from its directory.
        place: where the model lies now; None: where it lay then.

    Raises:
        UsageError: if it is not there any more, or is another one by now.
    """
    settings, recorded = run.facts["settings"], run.facts["model"]
    try:
        model = open_model(place or recorded)
    except ConfigError as error:
        raise UsageError(
            f"{error}\n{run.directory} was made with the model in {recorded}; give the place where it lies "
            "now with --model"
        ) from error
    wanted = settings["model.sha256"]
    if model.sha256 != wanted:
        raise UsageError(
            f"{place or recorded}: the model is not the one that {run.directory} was made with: sha256 of its "
            f"files is {model.sha256[:12]}... now and was {wanted[:12]}... then; give the place of that model with "
            "--model, or classify again"
        )
    return model.with_changes(
        {name: value for name, value in settings.items() if name.startswith(_SECTIONS)}
    )
