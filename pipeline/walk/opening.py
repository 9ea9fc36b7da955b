"""Opens an image and plans the first looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import ImageError
from pipeline.image_record import ImageRecord
from pipeline.images.foreground import find_foreground, read_mask
from pipeline.images.input_spec import fit_bands
from pipeline.images.opening import open_source
from pipeline.images.pyramid import Pyramid
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import WindowReader
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.purse import Purse
from pipeline.walk.allowance import ENDLESS, Allowance
from pipeline.walk.candidate_rule import CandidateRule, Exploration
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.root_scan import RootScan, ScoreRoots, scan_roots, unscored
from pipeline.walk.roots import plan_roots, root_grid_shape
from pipeline.walk.traversal import Combine, Traversal
from pipeline.walk.walk_plan import WalkPlan, described, geometry_of


def open_image_walk(
    record: ImageRecord,
    plan: WalkPlan,
    *,
    combine: Combine,
    cache: TileCache,
    score_roots: ScoreRoots = unscored,
    explore: Exploration | None = None,
    allowance: Allowance = ENDLESS,
) -> ImageWalk:
    """Open an image and plan its first looks; training explores.

    Raises:
        ImageError: if the image cannot be opened, does not fit the model, or shows nothing.
    """
    purse = Purse(allowance.num_bytes)
    try:
        source = open_source(record.image_path, plan.places, purse)
    except ImageError as error:
        error.cost = _borne(error.cost, purse)
        raise
    tiles = TileReader(source, cache)
    try:
        windows, first = _looked_around(tiles, record, plan, score_roots)
    except BaseException as error:
        if isinstance(error, ImageError):
            error.cost = _borne(tiles.cost, purse)
        tiles.close()
        raise
    candidates = _candidates(record, plan, source.pyramid, explore)
    pyramid = described(source.pyramid, record)
    traversal = Traversal(
        plan.walk,
        geometry_of(pyramid, plan),
        first.certain,
        combine,
        candidates=candidates,
        open_roots=candidates.of_roots(first.open) if plan.walk.chooses_roots else None,
        allowance=allowance,
    )
    return ImageWalk(
        record=record,
        pyramid=pyramid,
        tiles=tiles,
        windows=windows,
        traversal=traversal,
        scan=first.scan,
        opening_tiles=frozenset(tiles.acquisitions),
    )


def _borne(cost: Acquisition, purse: Purse) -> Acquisition:
    """What an image that is given up has cost; whatever else its purse paid for came in vain."""
    in_vain = max(0, purse.num_spent - cost.transferred_bytes)
    return cost + Acquisition(gap_bytes=in_vain, transferred_bytes=in_vain)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FirstLooks:
    """Where the walk of an image may begin."""

    certain: Iterator[Glimpse]
    """Roots that are looked at before anything else."""
    open: Sequence[Glimpse] = ()
    """Roots that the walk may choose or not."""
    scan: RootScan | None = None
    """What an overview said of those."""


def _looked_around(
    tiles: TileReader, record: ImageRecord, plan: WalkPlan, score_roots: ScoreRoots
) -> tuple[WindowReader, _FirstLooks]:
    """How the image is shown to the model, and where a walk of it may begin."""
    pyramid = described(tiles.source.pyramid, record)
    spec = plan.spec
    windows = WindowReader(
        tiles=tiles,
        fit=fit_bands(spec, pyramid),
        base_px=spec.base_px,
        background=spec.background,
    )
    geometry = geometry_of(pyramid, plan)
    roots = _roots(record, plan, geometry, windows)
    if not plan.walk.chooses_roots:
        return windows, _FirstLooks(certain=roots)
    if plan.walk.proposals != "model":  # chance and distance score them without reading
        return windows, _FirstLooks(certain=iter(()), open=tuple(roots))
    overviews = replace(windows, base_px=plan.walk.overview_px)
    shape = root_grid_shape(plan.walk, geometry)
    scan = scan_roots(tuple(roots), shape, overviews, score_roots)
    return windows, _FirstLooks(certain=iter(()), open=scan.roots, scan=scan)


def _roots(
    record: ImageRecord, plan: WalkPlan, geometry: Geometry, windows: WindowReader
) -> Iterator[Glimpse]:
    pyramid = windows.tiles.source.pyramid
    if record.mask_path is not None:
        plan.places.check(record.mask_path)
        foreground = read_mask(Path(record.mask_path), pyramid)
        return plan_roots(plan.walk, geometry, foreground, pyramid.uri)
    found = find_foreground(windows.tiles, windows.fit, plan.walk.foreground)
    return plan_roots(plan.walk, geometry, found, pyramid.uri)


def _candidates(
    record: ImageRecord, plan: WalkPlan, pyramid: Pyramid, explore: Exploration | None
) -> CandidateRule:
    return CandidateRule(
        proposals=plan.walk.proposals,
        score=plan.walk.score,
        name=record.sample_id,
        image_px=(pyramid.height, pyramid.width),
        explore=explore,
    )
