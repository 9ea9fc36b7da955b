"""The bar chart says what it was given."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from pipeline.exports.bars import bars_svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_heights_are_the_shares() -> None:
    """Bars of a group stand in order, as high as their shares, and names are escaped."""
    svg = bars_svg("a < b", ["one", "two"], ["3b", "5b"], [[0.25, 0.75], [1.0, 0.0]])
    root = ET.fromstring(svg)
    heights = [float(one.get("height", "")) for one in root.findall(f"{NAMESPACE}rect")[1:]]
    texts = [one.text for one in root.findall(f"{NAMESPACE}text")]

    assert [height / heights[2] for height in heights] == [0.25, 0.75, 1.0, 0.0]
    assert texts[0] == "a < b"
    assert [text for text in texts if text and text.endswith("%")] == ["25%", "75%", "100%", "0%"]
