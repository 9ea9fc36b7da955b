"""The kinds of explanation that a report can show, and what each says."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.errors import UsageError

Rule: TypeAlias = Literal["sum", "finest"]
"""Where patches overlap: `sum` adds their values up; `finest` shows the deepest, the largest of one depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One kind of explanation."""

    name: str
    """As it is asked for."""
    title: str
    """As the page calls it."""
    caption: str
    """What its map shows, and what it does not."""
    rule: Rule
    """What is painted where looks overlap."""
    is_signed: bool = False
    """Whether values below 0 mean the opposite."""
    is_inside: bool = False
    """Whether it has a map inside a look, not only one value for it."""
    needs_model: bool = True
    """False: the tables say it."""


# What an aggregation counts adds up over the looks, whatever their order, and so do its maps: nothing is hidden, and
# without a look its place changes by what it said. What looks expect of places does not: closer ones know better.
_ALL = (
    Method(
        name="looks",
        title="looks",
        caption="How closely each place was looked at, 1 being the coarsest step of the walk; it does not say what was "
        "found there.",
        rule="finest",
        needs_model=False,
    ),
    Method(
        name="weights",
        title="weight",
        caption="How much the looks at each place count in the prediction, overlapping looks added up; it does not say "
        "for which class.",
        rule="sum",
    ),
    Method(
        name="evidence",
        title="evidence",
        caption="What the looks at each place said for the predicted class (orange) or against it (blue), overlapping "
        "looks added up; it does not say which of their pixels did.",
        rule="sum",
        is_signed=True,
    ),
    Method(
        name="cells",
        title="wanted cells",
        caption="What the location module expected of each place, as the best candidate cell there says, of closer "
        "looks where there are any; it does not say that a look was taken there, nor what it would have shown.",
        rule="finest",
    ),
    Method(
        name="cam",
        title="CAM",
        caption="Which positions inside the most telling looks raise (orange) or lower (blue) the predicted class in "
        "that look by itself, exactly; it does not say how much the look counts among the others.",
        rule="finest",
        is_signed=True,
        is_inside=True,
    ),
    Method(
        name="grad_cam",
        title="Grad-CAM",
        caption="Which positions inside the most telling looks raise the predicted class in that look by itself, as "
        "far as gradients tell, each look on its own scale; it does not show what speaks against the class.",
        rule="finest",
        is_inside=True,
    ),
)
METHODS: Mapping[str, Method] = {one.name: one for one in _ALL}
"""By name, in the order in which they are shown."""
ALL = "all"


def parse_methods(text: str) -> tuple[Method, ...]:
    """Names with commas between them, or `all`; in the order in which they are shown, each once.

    Raises:
        UsageError: if there is no such method; it names the nearest one.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    for name in names:
        if name not in METHODS and name != ALL:
            known = [*METHODS, ALL]
            near = difflib.get_close_matches(name.replace("-", "_").lower(), known, n=1)
            hint = f"is {near[0]!r} meant? " if near else ""
            raise UsageError(
                f"--explain {name}: there is no such explanation; {hint}Known: {', '.join(known)}"
            )
    if not names:
        raise UsageError(f"--explain {text!r}: name at least one of {', '.join([*METHODS, ALL])}")
    return tuple(one for one in _ALL if ALL in names or one.name in names)
