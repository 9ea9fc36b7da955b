"""The recurrence of the diagonal LSTM for GPUs, in Triton: one program walks all diagonals of one map.

Maps and directions never meet, so a program each, and no launch per diagonal. Rows are the lanes of a program: on
diagonal k row i is at column k - i, its left neighbour is what the same lane held on the diagonal before, and the
neighbour above is what the lane before wrote there, which a barrier makes seen. Equations as in `recurrence.py`.

Triton comes with torch where torch knows GPUs; nothing here is imported elsewhere.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def squash(x):
    """tanh, which Triton's language has not."""
    return 2 * tl.sigmoid(2 * x) - 1


@triton.jit
def product(x, weight):
    """(ROWS, T) times (T, T), in full float32."""
    return tl.dot(x, weight, input_precision="ieee")


@triton.jit
def by_gate(weight, direction, T: tl.constexpr):
    """The four (T, T) matrices of a direction, of o, i, f and g."""
    at = weight + direction * 4 * T * T + tl.arange(0, T)[:, None] * T + tl.arange(0, T)[None, :]
    return tl.load(at), tl.load(at + T * T), tl.load(at + 2 * T * T), tl.load(at + 3 * T * T)


@triton.jit
def forward_kernel(gates, cells, hidden, left, above, b, m, n, T: tl.constexpr, ROWS: tl.constexpr):
    """Turn sums into gates, and fill in cells and hidden states.

    Args:
        gates: (D, B, m, n, 4 T) the projected input; o, i, f, g afterwards.
        cells: (D, B, m, n, T) c.
        hidden: (D, B, m, n, T) h.
        left: (D, 4, T, T) Wl, gate by gate, from column to row.
        above: (D, 4, T, T) Wu.
        b: maps.
        m: rows.
        n: columns.
        T: hidden channels, a power of two, 16 at least (the products of Triton).
        ROWS: lanes, a power of two, m and 16 at least.
    """
    one_map = tl.program_id(0)
    rows, channels = tl.arange(0, ROWS)[:, None], tl.arange(0, T)[None, :]
    left_o, left_i, left_f, left_g = by_gate(left, one_map // b, T)
    above_o, above_i, above_f, above_g = by_gate(above, one_map // b, T)
    state = tl.zeros((ROWS, T), tl.float32)
    cell = tl.zeros((ROWS, T), tl.float32)
    for k in range(m + n - 1):
        cols = k - rows
        here = (rows < m) & (cols >= 0) & (cols < n)
        place = (one_map * m + rows) * n + cols
        upper = tl.load(hidden + (place - n) * T + channels, here & (rows > 0), 0.0)
        at = gates + place * 4 * T + channels
        o = tl.load(at, here, 0.0) + product(state, left_o) + product(upper, above_o)
        i = tl.load(at + T, here, 0.0) + product(state, left_i) + product(upper, above_i)
        f = tl.load(at + 2 * T, here, 0.0) + product(state, left_f) + product(upper, above_f)
        g = tl.load(at + 3 * T, here, 0.0) + product(state, left_g) + product(upper, above_g)
        o, i, f, g = tl.sigmoid(o), tl.sigmoid(i), tl.sigmoid(f), squash(g)
        # A lane that has not begun, or is past its row's end, holds nothing.
        cell = tl.where(here, f * cell + i * g, 0.0)
        state = tl.where(here, o * squash(cell), 0.0)
        tl.store(at, o, here)
        tl.store(at + T, i, here)
        tl.store(at + 2 * T, f, here)
        tl.store(at + 3 * T, g, here)
        tl.store(cells + place * T + channels, cell, here)
        tl.store(hidden + place * T + channels, state, here)
        tl.debug_barrier()


@triton.jit
def backward_kernel(
    grads, grad_hidden, gates, cells, left, above, b, m, n, T: tl.constexpr, ROWS: tl.constexpr
):
    """Gradients of the sums, from those of hidden states.

    Args:
        grads: (D, B, m, n, 4 T), to be filled.
        grad_hidden: (D, B, m, n, T).
        gates: (D, B, m, n, 4 T) as the forward pass left them.
        cells: (D, B, m, n, T) likewise.
        left: (D, 4, T, T) Wl, gate by gate, from row to column.
        above: (D, 4, T, T) Wu.
        b: maps.
        m: rows.
        n: columns.
        T: hidden channels, as in the forward pass.
        ROWS: lanes, likewise.
    """
    one_map = tl.program_id(0)
    rows, channels = tl.arange(0, ROWS)[:, None], tl.arange(0, T)[None, :]
    left_o, left_i, left_f, left_g = by_gate(left, one_map // b, T)
    above_o, above_i, above_f, above_g = by_gate(above, one_map // b, T)
    of_state = tl.zeros((ROWS, T), tl.float32)
    of_cell = tl.zeros((ROWS, T), tl.float32)
    for step in range(m + n - 1):
        cols = m + n - 2 - step - rows
        here = (rows < m) & (cols >= 0) & (cols < n)
        place = (one_map * m + rows) * n + cols
        lower, has_lower = grads + (place + n) * 4 * T + channels, here & (rows < m - 1)
        of_state += tl.load(grad_hidden + place * T + channels, here, 0.0)
        of_state += product(tl.load(lower, has_lower, 0.0), above_o)
        of_state += product(tl.load(lower + T, has_lower, 0.0), above_i)
        of_state += product(tl.load(lower + 2 * T, has_lower, 0.0), above_f)
        of_state += product(tl.load(lower + 3 * T, has_lower, 0.0), above_g)
        at = gates + place * 4 * T + channels
        o, i = tl.load(at, here, 0.0), tl.load(at + T, here, 0.0)
        f, g = tl.load(at + 2 * T, here, 0.0), tl.load(at + 3 * T, here, 0.0)
        squashed = squash(tl.load(cells + place * T + channels, here, 0.0))
        earlier = tl.load(cells + (place - 1) * T + channels, here & (cols > 0), 0.0)
        of_cell += of_state * o * (1 - squashed * squashed)
        of_o = tl.where(here, of_state * squashed * o * (1 - o), 0.0)
        of_i = tl.where(here, of_cell * g * i * (1 - i), 0.0)
        of_f = tl.where(here, of_cell * earlier * f * (1 - f), 0.0)
        of_g = tl.where(here, of_cell * i * (1 - g * g), 0.0)
        to = grads + place * 4 * T + channels
        tl.store(to, of_o, here)
        tl.store(to + T, of_i, here)
        tl.store(to + 2 * T, of_f, here)
        tl.store(to + 3 * T, of_g, here)
        # What the left neighbour hears; gates that are not there passed nothing on.
        of_cell = tl.where(here, of_cell * f, 0.0)
        of_state = product(of_o, left_o) + product(of_i, left_i)
        of_state += product(of_f, left_f) + product(of_g, left_g)
        tl.debug_barrier()
