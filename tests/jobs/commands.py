"""Commands that need no Ray, as a person calls them."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from jobs.cli import app


def foveate(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])
