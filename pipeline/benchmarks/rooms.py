"""Views of made-up rooms: a camera in a box with painted walls, its pose known exactly.

A stand-in for the data sets on which UAN finds cameras and tells scenes apart (its tables 1 and 2), which have to be
fetched. What a pixel shows is computed by meeting its ray with the walls; nothing is approximated but the paint.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError

_FACE_PX = 256
_NUM_PATCHES = 60
_MARGIN = 0.25
"""Of the room's sides: cameras keep this far from its walls."""
_TURNS_DEG = (60.0, 15.0, 5.0)
"""Largest yaw, pitch and roll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLaw:
    """How views are made."""

    image_px: int = 64
    """Side of a view."""
    num_rooms: int = 1
    """Different rooms; a view is of one of them."""
    size_m: tuple[float, float, float] = (6.0, 4.0, 3.0)
    """Of each room, along x (forwards), y (to the left) and z (up)."""
    field_of_view_deg: float = 90.0
    """Of the camera, along rows and columns."""

    def __post_init__(self) -> None:
        if self.image_px < 1 or self.num_rooms < 1:
            raise UsageError(f"{self.image_px} px, {self.num_rooms} rooms; both at least 1")
        if not 0 < self.field_of_view_deg < 180:
            raise UsageError(f"field of view {self.field_of_view_deg} degrees; above 0, below 180")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Views:
    """Some views."""

    images: NDArray[np.uint8]
    """(N, side, side, 3)."""
    rooms: NDArray[np.int64]
    """(N,) which room each is of."""
    positions_m: NDArray[np.float64]
    """(N, 3) of the camera."""
    rotations: NDArray[np.float64]
    """(N, 4) unit quaternions (w, x, y, z), w above 0, from the camera's axes (forwards, left, up) to the room's."""


def make_views(law: RoomLaw, count: int, *, seed: int, of: int = 0) -> Views:
    """Views from random places, turned at random.

    Args:
        law: of the rooms.
        count: N.
        seed: of the paint; the same rooms for the same seed.
        of: which of many sets of views, training or test.
    """
    rooms = [painted(np.random.default_rng((seed, room))) for room in range(law.num_rooms)]
    generator = np.random.default_rng((seed, of, 7))
    which = generator.integers(0, law.num_rooms, count)
    size = np.array(law.size_m)
    positions = size * generator.uniform(_MARGIN, 1 - _MARGIN, (count, 3))
    turns = np.radians(np.array(_TURNS_DEG) * generator.uniform(-1, 1, (count, 3)))
    rotations = np.stack([quaternion(*turn) for turn in turns])
    images = np.stack(
        [
            seen(rooms[room], law, position, rotation)
            for room, position, rotation in zip(which, positions, rotations, strict=True)
        ]
    )
    return Views(images=images, rooms=which, positions_m=positions, rotations=rotations)


def painted(generator: np.random.Generator) -> NDArray[np.uint8]:
    """(6, face, face, 3): walls in the order x = 0, x = size, y = 0, y = size, floor, ceiling."""
    faces = np.zeros((6, _FACE_PX, _FACE_PX, 3), np.uint8)
    for face in faces:
        face[:] = generator.integers(60, 200, 3)
        for _ in range(_NUM_PATCHES):
            colour = tuple(int(value) for value in generator.integers(0, 256, 3))
            x, y = (int(value) for value in generator.integers(0, _FACE_PX, 2))
            side = int(generator.integers(6, 48))
            cv2.rectangle(face, (x, y), (x + side, y + int(side * generator.random())), colour, -1)
    return faces


def quaternion(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """(4,) of a turn about z, then y, then x (radians), each about the axes of the turned camera; w above 0."""
    (cz, sz), (cy, sy), (cx, sx) = ((np.cos(a / 2), np.sin(a / 2)) for a in (yaw, pitch, roll))
    turned = np.array(
        [
            cz * cy * cx + sz * sy * sx,
            cz * cy * sx - sz * sy * cx,
            cz * sy * cx + sz * cy * sx,
            sz * cy * cx - cz * sy * sx,
        ]
    )
    return turned if turned[0] >= 0 else -turned


def rotation_matrix(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) of a unit quaternion (w, x, y, z)."""
    w, x, y, z = rotation
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def seen(
    faces: NDArray[np.uint8],
    law: RoomLaw,
    position_m: NDArray[np.float64],
    rotation: NDArray[np.float64],
) -> NDArray[np.uint8]:
    """(side, side, 3): the wall that the ray through each pixel's centre meets first."""
    side, size = law.image_px, np.array(law.size_m)
    reach = np.tan(np.radians(law.field_of_view_deg / 2))
    across = (2 * (np.arange(side) + 0.5) / side - 1) * reach
    rows, cols = np.meshgrid(across, across, indexing="ij")
    # Left is the first column's side, up the first row's.
    camera = np.stack([np.ones_like(rows), -cols, -rows], axis=2)  # (side, side, 3)
    rays = camera @ rotation_matrix(rotation).T
    walls = np.where(rays > 0, size, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.where(rays == 0, np.inf, (walls - position_m) / rays)  # (side, side, 3)
    axis = away.argmin(axis=2)
    met = position_m + rays * away.min(axis=2, keepdims=True)
    face = 2 * axis + (np.take_along_axis(rays, axis[..., None], 2)[..., 0] > 0)
    along = np.clip(met / size, 0, 1 - 1e-9)  # (side, side, 3)
    places = np.array([[1, 2], [0, 2], [0, 1]])[axis]  # the two axes that lie in each wall
    texel = (np.take_along_axis(along, places, 2) * _FACE_PX).astype(np.int64)
    shown: NDArray[np.uint8] = faces[face, texel[..., 1], texel[..., 0]]
    return shown
