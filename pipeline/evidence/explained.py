"""What a report shows of an image's explanation: maps over the whole, windows of the looks that told most, numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pipeline.errors import ImageError, TileReadError
from pipeline.evidence.heat_map import painted
from pipeline.evidence.layer import ImageExplanation, Layer, looks_layer
from pipeline.evidence.methods import METHODS, Method
from pipeline.evidence.palette import drawn
from pipeline.images.region import Region
from pipeline.images.window import WindowReader
from pipeline.records.finished_image import FinishedImage

AskModel: TypeAlias = Callable[[FinishedImage, WindowReader], ImageExplanation]
"""Whoever holds the run's model: an image, and its windows as the walk reads them, to what the model can explain."""
Show: TypeAlias = Callable[[Region], str | None]
"""A region (level-0 pixels) to a picture of it as a data URL; None where it cannot be read."""

MAX_LOOKS_ASKED = 2000
"""Looks of an image that are taken once more; a full scan of a gigapixel image has a million."""
_VALUE_BYTES = 16
"""Of one look's number in the page, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationPlan:
    """What a report explains, and who knows."""

    methods: tuple[Method, ...]
    """Kinds, in the order in which they are shown."""
    ask_model: AskModel | None = None
    """None: nothing but the tables is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLayer:
    """A kind of explanation, painted over the whole image."""

    method: Method
    """Which kind."""
    picture: str | None
    """The map as a data URL; None where there is none."""
    largest: float
    """Value of its last colour."""
    unit: str
    """What a value counts, in words."""
    problem: str | None
    """Why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnWindow:
    """A look that told much, with maps of what is inside it."""

    look: int
    """Its place in the walk."""
    picture: str | None
    """The look itself, as a data URL."""
    maps: Mapping[str, str]
    """By the name of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Of one image."""

    layers: tuple[DrawnLayer, ...]
    """One per kind."""
    windows: tuple[DrawnWindow, ...]
    """Those that told most, first."""
    values: Mapping[str, Mapping[int, float]]
    """Of kinds that have one value per look: by name, and by the look's place in the walk."""
    remark: str | None
    """What whoever reads it must know."""

    @property
    def size_bytes(self) -> int:
        """In the page, about."""
        layers = sum(len(one.picture or "") for one in self.layers)
        windows = sum(len(one.picture or "") for one in self.windows)
        maps = sum(len(text) for one in self.windows for text in one.maps.values())
        return layers + windows + maps + _VALUE_BYTES * sum(map(len, self.values.values()))


def explain(
    image: FinishedImage, plan: ExplanationPlan, windows: WindowReader, show: Show
) -> Explained:
    """Ask the tables and the model, and draw what they say. What cannot be said is a line in the page."""
    own = [looks_layer(image)] if METHODS["looks"] in plan.methods else []
    asked = (
        _asked(image, plan.ask_model, windows) if plan.ask_model else ImageExplanation(layers=())
    )
    layers = (*own, *asked.layers)
    return Explained(
        layers=tuple(_drawn(layer, image) for layer in layers),
        windows=_windows(layers, show),
        values={
            layer.method.name: {one.look: float(one.values[0, 0]) for one in layer.patches}
            for layer in layers
            if layer.method.rule == "sum"
        },
        remark=asked.remark,
    )


def _asked(image: FinishedImage, ask: AskModel, windows: WindowReader) -> ImageExplanation:
    if len(image.looks) > MAX_LOOKS_ASKED:
        return ImageExplanation(
            layers=(),
            remark=f"The model was not asked: the image has {len(image.looks):,} looks, and no more than "
            f"{MAX_LOOKS_ASKED:,} are taken once more for a report.",
        )
    try:
        return ask(image, windows)
    except (ImageError, TileReadError) as error:
        return ImageExplanation(
            layers=(), remark=f"The model could not be asked once more: {error}"
        )


def _drawn(layer: Layer, image: FinishedImage) -> DrawnLayer:
    if not layer.patches:
        problem = layer.problem or f"{layer.method.title}: there is nothing to show"
        return DrawnLayer(
            method=layer.method, picture=None, largest=0.0, unit=layer.unit, problem=problem
        )
    found = painted(layer, image.height_px, image.width_px)
    largest = (
        layer.largest if layer.method.is_inside else found.largest
    )  # one scale for all windows
    return DrawnLayer(
        method=layer.method,
        picture=drawn(found.values, largest, is_signed=layer.method.is_signed),
        largest=largest,
        unit=layer.unit,
        problem=layer.problem,
    )


def _windows(layers: tuple[Layer, ...], show: Show) -> tuple[DrawnWindow, ...]:
    """Of all looks that some layer has a map inside of, in the layer's order."""
    inside = [layer for layer in layers if layer.method.is_inside]
    regions = {patch.look: patch.region for layer in inside for patch in layer.patches}
    return tuple(
        DrawnWindow(
            look=look,
            picture=show(region),
            maps={
                layer.method.name: drawn(
                    patch.values, layer.largest, is_signed=layer.method.is_signed
                )
                for layer in inside
                for patch in layer.patches
                if patch.look == look
            },
        )
        for look, region in regions.items()
    )
