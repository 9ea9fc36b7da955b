"""The way from a root down to an example."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.images.region import Region
from pipeline.walk.approach import approach
from pipeline.walk.config import WalkConfig
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.grid import Grid
from pipeline.walk.roots import plan_roots
from tests.pipeline.walk.grid_cells import grid_cells

SIDE = 4096


def geometry(depths: int | None = None) -> Geometry:
    """Looks shrink to a quarter, down to 64 px."""
    return Geometry(
        height=SIDE,
        width=SIDE,
        finest_height=64,
        finest_width=64,
        grid=Grid(7, 0.25),
        depths=depths,
    )


def roots(where: Geometry, kind: str) -> list[Glimpse]:
    """The image itself, or a grid of 1,024 px."""
    walk = WalkConfig(grid=7, cell_fraction=0.25, roots=kind)  # type: ignore[arg-type]  # a kind by name
    return list(plan_roots(walk, where, None, "image"))


class TestApproach:
    @pytest.mark.parametrize("kind", ["image", "grid"])
    def test_every_look_shows_the_example_in_its_cell(self, kind: str) -> None:
        """Whatever the place, each cell that is named holds the example's centre, and no other is nearer."""
        where = geometry()
        generator = np.random.default_rng(0)
        for _ in range(50):
            y, x = (int(value) for value in generator.integers(0, SIDE - 40, 2))
            target = Region(y, x, 40, 40)
            way = approach(where, roots(where, kind), target)

            assert len(way.looks) == (3 if kind == "image" else 2)
            for look in way.looks:
                cells = grid_cells(Grid(7, 0.25), look.region)
                centres = np.array([[c.y + c.height / 2, c.x + c.width / 2] for c in cells])
                away = np.abs(centres - [y + 20, x + 20]).sum(axis=1)
                assert away[look.cell] == away.min()
                assert look.region.y <= y + 20 < look.region.bottom
                assert look.region.x <= x + 20 < look.region.right

    def test_ends_with_a_look_about_it(self) -> None:
        """The last look is as large as the walk's at that depth, with the example in its middle."""
        where = geometry()
        way = approach(where, roots(where, "image"), Region(1000, 2000, 30, 20))

        assert way.end == Region(1000 - 17, 2000 - 22, 64, 64)
        assert way.depth == 3

    def test_stops_where_it_is_seen_whole(self) -> None:
        """A large example ends the way sooner: a look must hold all of it."""
        where = geometry()
        way = approach(where, roots(where, "image"), Region(1000, 1000, 200, 90))

        assert way.depth == 2
        assert (way.end.height, way.end.width) == (256, 256)

    def test_no_deeper_than_the_walk(self) -> None:
        """A walk of two depths looks at it at the second."""
        where = geometry(depths=2)

        assert approach(where, roots(where, "image"), Region(9, 9, 30, 30)).depth == 1

    def test_at_the_border(self) -> None:
        """The last look is moved inside the image."""
        where = geometry()
        way = approach(where, roots(where, "grid"), Region(SIDE - 30, 0, 30, 30))

        assert way.end == Region(SIDE - 64, 0, 64, 64)

    @pytest.mark.parametrize(
        ("target", "said"),
        [
            (Region(SIDE - 10, 5, 30, 30), "does not lie in the image, 4096 x 4096"),
            (Region(0, 0, 1500, 20), "no more than 1024 x 1024"),
        ],
    )
    def test_refused(self, target: Region, said: str) -> None:
        """A region outside, or larger than the first look, is told with what was wanted."""
        where = geometry()
        with pytest.raises(UsageError, match=said):
            approach(where, roots(where, "grid"), target)
