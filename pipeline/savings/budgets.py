"""The budgets that are asked about."""

from __future__ import annotations

from pipeline.errors import UsageError


def parse_budgets(text: str) -> tuple[int, ...]:
    """`1,2,4,8` to numbers, smallest first.

    Raises:
        UsageError: naming what is not a number of looks, or comes twice.
    """
    found = [_number(part.strip(), text) for part in text.split(",")]
    repeated = {number for number in found if found.count(number) > 1}
    if repeated:
        raise UsageError(f"--budgets {text}: {min(repeated)} comes twice; give each once")
    return tuple(sorted(found))


def parse_share(text: str) -> float:
    """`5%` or `0.05` to 0.05.

    Raises:
        UsageError: if it is not above 0 and at most 1.
    """
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = 0.0
    if rest or not 0 < share <= 1:
        raise UsageError(f"--audit {text}: wanted a share of the images, such as 5% or 0.05")
    return share


def _number(part: str, text: str) -> int:
    if not part.isdecimal() or int(part) < 1:
        raise UsageError(
            f"--budgets {text}: {part or 'nothing'!r} is not a number of looks; give such as 1,2,4,8"
        )
    return int(part)
