"""Small walks as rows, for tests that work losses out by hand."""

from __future__ import annotations

import torch

from models.learning.rows import Rows

NUM_CLASSES = 3
NUM_CELLS = 4


def rows_of(labels: list[int], *walks: list[tuple[int, int, int]]) -> Rows:
    """Rows of walks whose looks are (depth, parent within the walk, cell)."""
    image, depth, parent, cell = [], [], [], []
    for index, walk in enumerate(walks):
        first = len(image)
        for at, above, which in walk:
            image.append(index)
            depth.append(at)
            parent.append(-1 if above < 0 else first + above)
            cell.append(which)
    return Rows(
        image=torch.tensor(image),
        depth=torch.tensor(depth),
        parent=torch.tensor(parent),
        cell=torch.tensor(cell),
        labels=torch.tensor(labels),
        is_random=torch.zeros(len(image), dtype=torch.bool),
    )


TWO_WALKS = rows_of(
    [1, 2],
    [(0, -1, -1), (1, 0, 3), (1, 0, 0), (2, 1, 2)],
    [(0, -1, -1), (1, 0, 1)],
)
