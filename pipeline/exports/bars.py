"""A bar chart of shares as SVG, for figures that a table does not show at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Told apart by colour-blind people (Okabe and Ito)."""
_BAR_PX, _GAP_PX, _HEIGHT_PX, _MARGIN_PX = 28, 24, 160, 36


def bars_svg(
    title: str,
    groups: Sequence[str],
    bars: Sequence[str],
    shares: Sequence[Sequence[float]],
) -> str:
    """Groups of bars side by side, each with its share in per cent above it.

    Args:
        title: above the chart.
        groups: a name per group.
        bars: a name per bar of every group.
        shares: per group the height of each bar, 0 to 1.
    """
    wide = len(bars) * _BAR_PX
    width = 2 * _MARGIN_PX + len(groups) * (wide + _GAP_PX)
    height = _HEIGHT_PX + 2 * _MARGIN_PX + 20
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="10" text-anchor="middle">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{width / 2}" y="16" font-size="12">{escape(title)}</text>',
    ]
    floor = _MARGIN_PX + _HEIGHT_PX
    for number, (group, heights) in enumerate(zip(groups, shares, strict=True)):
        left = _MARGIN_PX + number * (wide + _GAP_PX)
        for place, (name, share) in enumerate(zip(bars, heights, strict=True)):
            parts += _bar(
                left + place * _BAR_PX, floor, name, share, _COLOURS[place % len(_COLOURS)]
            )
        parts.append(f'<text x="{left + wide / 2}" y="{floor + 30}">{escape(group)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _bar(left: float, floor: float, name: str, share: float, colour: str) -> list[str]:
    height = share * _HEIGHT_PX
    middle = left + _BAR_PX / 2
    return [
        f'<rect x="{left + 2}" y="{floor - height:.1f}" width="{_BAR_PX - 4}" height="{height:.1f}" fill="{colour}"/>',
        f'<text x="{middle}" y="{floor - height - 3:.1f}">{share:.0%}</text>',
        f'<text x="{middle}" y="{floor + 13}">{escape(name)}</text>',
    ]
