"""One measured figure, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A line of the table."""

    what: str
    """What was measured."""
    value: str
    """The figure."""
    wanted: str
    """What it has to be."""
    detail: str
    """The numbers behind it."""


def table(figures: list[Figure]) -> str:
    """Markdown."""
    rows = [f"| {one.what} | **{one.value}** | {one.wanted} | {one.detail} |" for one in figures]
    return "\n".join(["| what | measured | wanted | numbers |", "|---|---|---|---|", *rows])
