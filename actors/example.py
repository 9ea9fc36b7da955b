"""A model that looks for what an example shows: made of another model and one region of an image, without training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from actors.model_directory import ModelConfig, ModelDirectory, config_to_text
from actors.model_loading import network_of
from models.build import assemble
from models.features import Features
from models.likeness import MAX_DEPTHS, apart
from models.tnet import TNet
from pipeline.errors import UsageError
from pipeline.image_record import ImageRecord
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.storage.allowed_places import AllowedPlaces
from pipeline.walk.approach import approach
from pipeline.walk.config import WalkConfig
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.opening import open_image_walk
from pipeline.walk.roots import plan_roots
from pipeline.walk.walk_plan import WalkPlan, geometry_of

CLASS_NAMES = ("like", "unlike")
_CACHE_BYTES = 1 << 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What is looked for."""

    image: ImageRecord
    """Where it is seen."""
    region: Region
    """Level-0 pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Appearance:
    """What a network makes of an example."""

    cells: tuple[Tensor, ...]
    """(D',) per depth, the coarsest first: what tells its cell from the others of the look."""
    vector: Tensor
    """(D,) of a look at it."""

    @property
    def depth(self) -> int:
        """Of the look at it."""
        return len(self.cells)


def model_of_example(
    model: ModelDirectory, example: Example, places: AllowedPlaces
) -> ModelDirectory:
    """A model with classes `like` and `unlike`, that walks where the example may be and knows it when it sees it.

    Raises:
        UsageError: if the model looks once only, or the region does not fit.
        ImageError: if the example's image cannot be opened, or does not fit the model.
    """
    if not model.config.walk.grid:
        raise UsageError(
            f"{model.place}: {model.config.architecture} looks at an image once; searching needs a model that walks"
        )
    network = network_of(model).eval()
    seen = _appearance(network, model.config.plan, example, places)
    config = _config(model.config, seen.depth)
    weights = save(_network(config, network, seen).state_dict())
    digest = hashlib.sha256(config_to_text(config).encode() + weights).hexdigest()
    return ModelDirectory(model.place, config, digest, weights)


def _config(config: ModelConfig, depth: int) -> ModelConfig:
    """The walk stays, but cells are compared by themselves and nothing goes deeper than the example."""
    network = replace(
        config.network, location="likeness", aggregation="likeness", cell_scores="independent"
    )
    walk = replace(
        _with_roots(config.walk),
        depths=depth + 1,
        score="cell",
        stop_at=None,
        stop_rule=None,
    )
    return replace(config, class_names=CLASS_NAMES, network=network, walk=walk, temperature=1.0)


def _with_roots(walk: WalkConfig) -> WalkConfig:
    """Roots are all looked at: what the model was trained to choose among them may leave out the example."""
    roots: Literal["image", "grid"] = "image" if walk.roots == "image" else "grid"
    selection: Literal["best_first"] = "best_first"
    return replace(walk, roots=roots, selection=selection)


def _network(config: ModelConfig, original: TNet, seen: Appearance) -> TNet:
    """The original's features; the example's appearance in the place of what the original learned of classes."""
    network = assemble(
        config.architecture,
        num_classes=len(CLASS_NAMES),
        num_bands=config.input.num_bands,
        network=config.network,
    )
    state = network.state_dict()
    kept = {name: value for name, value in original.state_dict().items() if name in state}
    cells = state["location.examples"]  # (MAX_DEPTHS, D')
    for depth, one in enumerate(seen.cells[:MAX_DEPTHS]):
        cells[depth:] = one  # deeper looks compare with the last
    network.load_state_dict(
        {
            **kept,
            "location.examples": cells,
            "aggregation.example": seen.vector,
            "aggregation.depth": torch.tensor(seen.depth),
        }
    )
    return network


@torch.inference_mode()
def _appearance(
    network: TNet, plan: WalkPlan, example: Example, places: AllowedPlaces
) -> Appearance:
    once = replace(plan.walk, roots="image", foreground="none")
    image = open_image_walk(
        example.image,
        replace(plan, walk=once, places=places),
        combine=_unasked,
        cache=TileCache(_CACHE_BYTES),
    )
    try:
        geometry = geometry_of(image.pyramid, plan)
        roots = list(plan_roots(_with_roots(plan.walk), geometry, None, image.pyramid.uri))
        way = approach(geometry, roots, example.region)
        cells = tuple(
            apart(_seen(network, image, look.region, depth).cells)[0, look.cell]
            for depth, look in enumerate(way.looks)
        )
        return Appearance(cells=cells, vector=_seen(network, image, way.end, way.depth).vectors[0])
    finally:
        image.close()


def _seen(network: TNet, image: ImageWalk, region: Region, depth: int) -> Features:
    pixels = torch.from_numpy(image.windows.read(region).pixels)[None]  # (1, C, base, base)
    return network.seen(pixels, torch.tensor([depth]))


def _unasked(kept: NDArray[np.float32]) -> NDArray[np.float64]:
    raise RuntimeError(f"an example is looked at, not classified; asked about {len(kept)} looks")
