"""One image, open and being walked: its source, the windows it shows, its traversal, and a log of what was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import ImageError, ImageMismatchError
from pipeline.images.foreground import Foreground, find_foreground, read_mask
from pipeline.images.input_spec import InputSpec, finest_side, fit_bands
from pipeline.images.opening import open_source
from pipeline.images.pyramid import Pyramid
from pipeline.images.source import Source
from pipeline.images.tile import TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import Window, WindowPlan, WindowReader
from pipeline.manifest import ImageRecord
from pipeline.storage.allowed_places import EVERYWHERE, AllowedPlaces
from pipeline.walk.candidates import CandidateRule, Explore
from pipeline.walk.config import WalkConfig
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse, Position
from pipeline.walk.grid import Grid
from pipeline.walk.root_scan import RootScan, ScoreRoots, scan_roots, unscored
from pipeline.walk.roots import plan_roots, root_grid_shape
from pipeline.walk.traversal import Combine, Traversal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTrace:
    """Where the pixels of a look came from."""

    plan: WindowPlan
    """Level, box and tiles."""
    num_failed_tiles: int
    """Tiles of it that show background because they could not be read."""


@dataclass(slots=True, kw_only=True)
class ImageWalk:
    """An image in flight. `read` may be called from many threads; the rest has one owner."""

    record: ImageRecord
    """The manifest's row."""
    pyramid: Pyramid
    """Structure of the image; the pixel size is the manifest's where it gives one."""
    tiles: TileReader
    """Its tiles, with their cost."""
    windows: WindowReader
    """Shows its regions to the model."""
    traversal: Traversal
    """What to look at next."""
    scan: RootScan | None = None
    """What an overview said of its roots, where they are chosen from one."""
    opening_tiles: frozenset[TileKey] = frozenset()
    """Tiles that were read before the first look, to find foreground or to score roots."""
    traces: dict[Position, ReadTrace] = field(default_factory=dict)
    """What was read for each look."""

    def read(self, glimpse: Glimpse) -> Window:
        """The pixels of a look.

        Raises:
            TileReadError: if too much of it cannot be read.
        """
        window = self.windows.read(glimpse.region)
        self.traces[glimpse.position] = ReadTrace(
            plan=window.plan, num_failed_tiles=len(window.failed_tiles)
        )
        return window

    def close(self) -> None:
        """Give back the file and the memory."""
        self.tiles.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPlan:
    """What is the same for all images of a run."""

    spec: InputSpec
    """What the model wants to be shown."""
    walk: WalkConfig
    """How it walks."""
    places: AllowedPlaces = EVERYWHERE
    """Where its images may lie."""


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
        fit = fit_bands(plan.spec, pyramid)
        geometry = geometry_of(pyramid, plan)
        windows = WindowReader(
            tiles=tiles, fit=fit, base_px=plan.spec.base_px, background=plan.spec.background
        )
        roots = _roots(record, plan, geometry, windows)
        candidates = _candidates(record, plan, geometry, explore)
        scan, open_roots = None, list[Glimpse]()
        if plan.walk.chooses_roots:
            open_roots, roots = list(roots), iter(())
            if plan.walk.proposals == "model":  # whoever else scores them needs to read nothing
                scan = _scan(open_roots, plan, geometry, windows, score_roots)
                open_roots = list(scan.roots)
            open_roots = candidates.of_roots(open_roots)
    except ImageError as error:
        error.cost = tiles.cost
        raise
    return ImageWalk(
        record=record,
        pyramid=pyramid,
        tiles=tiles,
        windows=windows,
        traversal=Traversal(
            plan.walk,
            geometry,
            roots,
            combine,
            candidates=candidates,
            open_roots=open_roots,
        ),
        scan=scan,
        opening_tiles=frozenset(tiles.acquisitions),
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


def described(pyramid: Pyramid, record: ImageRecord) -> Pyramid:
    """The pyramid with the pixel size that the manifest gives, if it gives one."""
    return replace(pyramid, pixel_size=record.pixel_size or pyramid.pixel_size)


def geometry_of(pyramid: Pyramid, plan: WalkPlan) -> Geometry:
    """The tree of looks of one image.

    Raises:
        ImageMismatchError: if the image is smaller than one look, or its pixel size does not fit.
    """
    finest_height, finest_width = finest_side(plan.spec, pyramid)
    if pyramid.height < finest_height or pyramid.width < finest_width:
        raise ImageMismatchError(
            f"{pyramid.uri}: the image is {pyramid.height} x {pyramid.width} px, smaller than one "
            f"look of the model, {finest_height} x {finest_width} px; there is nothing to zoom "
            "into: use a model with a smaller base_px, or enlarge the image"
        )
    return Geometry(
        height=pyramid.height,
        width=pyramid.width,
        finest_height=finest_height,
        finest_width=finest_width,
        grid=Grid(plan.walk.grid, plan.walk.cell_fraction),
        depths=plan.walk.depths,
    )


def _roots(
    record: ImageRecord, plan: WalkPlan, geometry: Geometry, windows: WindowReader
) -> Iterator[Glimpse]:
    pyramid = windows.tiles.source.pyramid
    foreground: Foreground | None
    if record.mask_path is not None:
        plan.places.check(record.mask_path)
        foreground = read_mask(Path(record.mask_path), pyramid)
    else:
        foreground = find_foreground(windows.tiles, windows.fit, plan.walk.foreground)
    return plan_roots(plan.walk, geometry, foreground, pyramid.uri)


def _scan(
    roots: Sequence[Glimpse],
    plan: WalkPlan,
    geometry: Geometry,
    windows: WindowReader,
    score_roots: ScoreRoots,
) -> RootScan:
    overviews = replace(windows, base_px=plan.walk.overview_px)
    return scan_roots(roots, root_grid_shape(plan.walk, geometry), overviews, score_roots)
