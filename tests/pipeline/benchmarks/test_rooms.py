"""Views of rooms, held against the projection of single points."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.benchmarks.rooms import RoomLaw, make_views, quaternion, rotation_matrix, seen
from pipeline.errors import UsageError

LAW = RoomLaw(image_px=96)
FACE = 256


def turned(yaw: float, pitch: float, roll: float) -> Rotation:
    """By SciPy."""
    return Rotation.from_euler("ZYX", [yaw, pitch, roll])


class TestPose:
    def test_quaternions_are_scipys(self) -> None:
        """A turn about z, the new y and the new x is SciPy's ZYX, with w above 0; so is its matrix."""
        generator = np.random.default_rng(0)
        for turn in generator.uniform(-3, 3, (50, 3)):
            x, y, z, w = turned(*turn).as_quat(canonical=True)
            found = quaternion(*turn)

            np.testing.assert_allclose(found, [w, x, y, z], atol=1e-12)
            np.testing.assert_allclose(
                rotation_matrix(found), turned(*turn).as_matrix(), atol=1e-12
            )


class TestSeen:
    @pytest.mark.parametrize("face", range(6))
    def test_a_spot_is_where_the_pinhole_puts_it(self, face: int) -> None:
        """A white spot on a wall, projected by hand, is white in the view; the rest of the walls is not."""
        generator = np.random.default_rng(face)
        checked = 0
        while checked < 5:
            faces = np.zeros((6, FACE, FACE, 3), np.uint8)
            u, v = generator.integers(10, FACE - 10, 2)
            faces[face, v - 6 : v + 7, u - 6 : u + 7] = 255
            axis = face // 2
            spot = np.zeros(3)
            spot[axis] = LAW.size_m[axis] * (face % 2)
            for other, texel in zip([a for a in range(3) if a != axis], (u, v), strict=True):
                spot[other] = (texel + 0.5) / FACE * LAW.size_m[other]
            position = np.array(LAW.size_m) * generator.uniform(0.3, 0.7, 3)
            turn = generator.uniform(-1, 1, 3) * [3.0, 1.0, 0.3]
            x, y, z = turned(*turn).inv().apply(spot - position)
            if x <= 0 or max(abs(y / x), abs(z / x)) > 0.9:
                continue  # behind the camera, or beside the view
            row, col = ((1 - value / x) / 2 * LAW.image_px for value in (z, y))
            view = seen(faces, LAW, position, quaternion(*turn))

            assert (view[int(row), int(col)] == 255).all()
            assert (view == 255).mean() < 0.2
            checked += 1


class TestViews:
    def test_the_same_seed_the_same_views(self) -> None:
        """All of a set comes from its seed; another set of the same rooms has other views of them."""
        law = RoomLaw(image_px=32, num_rooms=3)
        one, two, other = (make_views(law, 6, seed=1, of=of) for of in (0, 0, 1))

        np.testing.assert_array_equal(one.images, two.images)
        assert not np.array_equal(one.positions_m, other.positions_m)
        assert set(one.rooms) | set(other.rooms) <= {0, 1, 2}

    def test_poses_in_range(self) -> None:
        """Cameras stand in the middle half of the room; quaternions have length 1 and w above 0."""
        views = make_views(RoomLaw(image_px=8), 200, seed=0)
        share = views.positions_m / np.array(LAW.size_m)

        assert share.min() >= 0.25
        assert share.max() <= 0.75
        np.testing.assert_allclose(np.linalg.norm(views.rotations, axis=1), 1)
        assert views.rotations[:, 0].min() > 0

    def test_refused(self) -> None:
        """A camera that sees half of everything is none."""
        with pytest.raises(UsageError, match="below 180"):
            RoomLaw(field_of_view_deg=180)
