"""Opens an image and plans the first looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import ImageError
from pipeline.images.foreground import find_foreground, read_mask
from pipeline.images.input_spec import BandFit, fit_bands
from pipeline.images.opening import open_source
from pipeline.images.source import Source
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import WindowReader
from pipeline.manifest import ImageRecord
from pipeline.walk.candidates import CandidateRule, Explore
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
    explore: Explore | None = None,
) -> ImageWalk:
    """Open an image and plan its first looks; training explores.

    Raises:
        ImageError: if the image cannot be opened, does not fit the model, or shows nothing.
    """
    source = open_source(record.image_path, plan.places)
    try:
        return walk_of(
            source,
            record,
            plan,
            combine=combine,
            cache=cache,
            score_roots=score_roots,
            explore=explore,
        )
    except BaseException:
        source.close()
        raise


def walk_of(
    source: Source,
    record: ImageRecord,
    plan: WalkPlan,
    *,
    combine: Combine,
    cache: TileCache,
    score_roots: ScoreRoots = unscored,
    explore: Explore | None = None,
) -> ImageWalk:
    """Plan the first looks at an image that is open already. Raises as `open_image_walk`."""
    pyramid = described(source.pyramid, record)
    tiles = TileReader(source, cache)
    try:
        windows = _windows(tiles, plan, fit_bands(plan.spec, pyramid))
        geometry = geometry_of(pyramid, plan)
        first = _first_looks(record, plan, geometry, windows, score_roots)
    except ImageError as error:
        error.cost = tiles.cost
        raise
    candidates = _candidates(record, plan, geometry, explore)
    traversal = Traversal(
        plan.walk,
        geometry,
        first.certain,
        combine,
        candidates=candidates,
        open_roots=candidates.of_roots(first.open) if plan.walk.chooses_roots else (),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _FirstLooks:
    """Where the walk of an image may begin."""

    certain: Iterator[Glimpse]
    """Roots that are looked at before anything else."""
    open: Sequence[Glimpse] = ()
    """Roots that the walk may choose or not."""
    scan: RootScan | None = None
    """What an overview said of those."""


def _first_looks(
    record: ImageRecord,
    plan: WalkPlan,
    geometry: Geometry,
    windows: WindowReader,
    score_roots: ScoreRoots,
) -> _FirstLooks:
    roots = _roots(record, plan, geometry, windows)
    if not plan.walk.chooses_roots:
        return _FirstLooks(certain=roots)
    if plan.walk.proposals != "model":  # chance and distance score them without reading
        return _FirstLooks(certain=iter(()), open=tuple(roots))
    overviews = replace(windows, base_px=plan.walk.overview_px)
    shape = root_grid_shape(plan.walk, geometry)
    scan = scan_roots(tuple(roots), shape, overviews, score_roots)
    return _FirstLooks(certain=iter(()), open=scan.roots, scan=scan)


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


def _windows(tiles: TileReader, plan: WalkPlan, fit: BandFit) -> WindowReader:
    return WindowReader(
        tiles=tiles, fit=fit, base_px=plan.spec.base_px, background=plan.spec.background
    )


def _candidates(
    record: ImageRecord, plan: WalkPlan, geometry: Geometry, explore: Explore | None
) -> CandidateRule:
    return CandidateRule(
        proposals=plan.walk.proposals,
        score=plan.walk.score,
        name=record.sample_id,
        image_px=(geometry.height, geometry.width),
        explore=explore,
    )
