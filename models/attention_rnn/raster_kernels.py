"""The recurrence of the diagonal LSTM for processors, in Numba: a map after the other, row by row, cell by cell.

A map and a direction need no other, so threads share them out and never wait. What a cell needs lies side by side in
a few kilobytes that stay in the first cache (its input, the state on its left, the state above it) and meets one
matrix. Only hidden states are kept: the backward pass makes the gates of a row again, which costs no more than to
write them to memory and read them back, five times the states. Equations as in `recurrence.py`.

Sizes are constants of the compiled code and what is called is written into the caller, which makes it half as fast
again. All of it is one file, for of changes in another Numba's cache would know nothing. Nothing here is imported but
by `raster.py`, and only where Numba is installed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

UNROLLED = 8
"""Products that are summed before a sum goes back to memory; sizes are multiples of it."""
_LIMIT = np.float32(8.3)
"""From here on tanh is 1 in float32."""
_P = tuple(map(np.float32, (0.99999994, 0.13419126, 0.00354126841, 2.13821604e-05, 1.44786405e-08)))
_Q = tuple(map(np.float32, (1, 0.467524409, 0.0260496195, 0.000336119701, 8.22462255e-07)))
"""tanh(x) = x P(x^2) / Q(x^2) up to there: a weighted least squares fit of our own, 5e-7 off at most."""
_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)
_RELAXED = {"contract", "reassoc", "arcp", "nsz"}
"""Sums in any order and products fused with them; not what takes it for granted that all numbers are finite."""
_compiled = njit(nogil=True, fastmath=_RELAXED, error_model="numpy", cache=True)
_inlined = njit(inline="always", fastmath=_RELAXED, error_model="numpy")


class Kernels(NamedTuple):
    """Both passes, compiled for one size. Maps are D B, the first B of them from left to right."""

    forward: Any
    """(inputs, rows, bias, hidden, first, last)."""
    backward: Any
    """(inputs, rows, bias, hidden, of_hidden, back, of_inputs, of_rows, of_bias, first, last)."""


@_inlined
def squash(x):
    """tanh, of nothing but products and one quotient, so that eight are computed at once."""
    x = max(min(x, _LIMIT), -_LIMIT)  # in this order: what is no number stays none
    s = x * x
    top = _P[0] + s * (_P[1] + s * (_P[2] + s * (_P[3] + s * _P[4])))
    return x * top / (_Q[0] + s * (_Q[1] + s * (_Q[2] + s * (_Q[3] + s * _Q[4]))))


@_inlined
def add_products(into, n, values, rows, k):
    """Add eight of `values`, from the k-th on, times as many rows of a matrix to n sums."""
    a, b, c, d = values[k], values[k + 1], values[k + 2], values[k + 3]
    e, f, g, h = values[k + 4], values[k + 5], values[k + 6], values[k + 7]
    for at in range(n):
        into[at] += (
            (a * rows[k, at] + b * rows[k + 1, at])
            + (c * rows[k + 2, at] + d * rows[k + 3, at])
            + (e * rows[k + 4, at] + f * rows[k + 5, at])
            + (g * rows[k + 6, at] + h * rows[k + 7, at])
        )


@_inlined
def look(seen, given, states, i, j, t, x):
    """Lay the input of a cell and the state above it beside the state on its left, which is there already."""
    for k in range(x):
        seen[k] = given[i, j, k]
    if i:
        for k in range(t):
            seen[x + t + k] = states[i - 1, j, k]


@_inlined
def advance(gates, cell, seen, rows, bias, t, x):
    """The gates of a cell, its c in the place of the last one, and its h in the place of the one on its left."""
    for k in range(4 * t):
        gates[k] = bias[k]
    for k in range(0, x + 2 * t, UNROLLED):
        add_products(gates, 4 * t, seen, rows, k)
    for k in range(3 * t):
        gates[k] = _HALF + _HALF * squash(_HALF * gates[k])
    for k in range(3 * t, 4 * t):
        gates[k] = squash(gates[k])
    for k in range(t):
        cell[k] = gates[2 * t + k] * cell[k] + gates[t + k] * gates[3 * t + k]
    for k in range(t):
        seen[x + k] = gates[k] * squash(cell[k])


@_inlined
def retreat(s, t):
    """From gradients of a state and of its cell to those of the sums, and of the cell before.

    `s` holds, t at a time: gates o, i, f, g; room for their gradients; c and the c before; gradients of h and of c.
    One array and not ten, for of arrays a compiler must first find out that they do not overlap.
    """
    for k in range(t):
        o, i, f, g, h = s[k], s[t + k], s[2 * t + k], s[3 * t + k], s[10 * t + k]
        squashed = squash(s[8 * t + k])
        c = s[11 * t + k] + h * o * (_ONE - squashed * squashed)
        s[4 * t + k] = h * squashed * o * (_ONE - o)
        s[5 * t + k] = c * g * i * (_ONE - i)
        s[6 * t + k] = c * s[9 * t + k] * f * (_ONE - f)
        s[7 * t + k] = c * i * (_ONE - g * g)
        s[11 * t + k] = c * f


@_inlined
def go_again(gates, cells, seen, now, given, states, rows, bias, i, is_right, t, x):
    """The gates and cells of row i by step, and (x + 2 t, n) what its cells saw by column."""
    n = given.shape[1]
    cell = np.zeros(t, np.float32)
    now[:] = _ZERO
    for step in range(n):
        j = n - 1 - step if is_right else step
        look(now, given, states, i, j, t, x)
        for k in range(x + 2 * t):
            seen[k, j] = now[k]
        advance(gates[step], cell, now, rows, bias, t, x)
        for k in range(t):
            cells[step, k] = cell[k]


@_inlined
def recall(s, gates, cells, step, t):
    """Lay before `retreat` what it wants to know of a cell."""
    for k in range(4 * t):
        s[k] = gates[step, k]
    for k in range(t):
        s[8 * t + k] = cells[step, k]
    if step:
        for k in range(t):
            s[9 * t + k] = cells[step - 1, k]
    else:
        for k in range(t):
            s[9 * t + k] = _ZERO


@_inlined
def go_back(of_sums, of_inputs, below, s, passed, gates, cells, of_hidden, back, is_right, t, x):
    """Gradients of a row's sums and inputs by column; `below` takes what it gives to the row above."""
    n = len(of_inputs)
    passed[:] = _ZERO
    s[:] = _ZERO
    for step in range(n - 1, -1, -1):
        j = n - 1 - step if is_right else step
        recall(s, gates, cells, step, t)
        for k in range(t):
            s[10 * t + k] = passed[x + k] + below[j, k] + of_hidden[j, k]
        retreat(s, t)
        passed[:] = _ZERO
        for k in range(0, 4 * t, UNROLLED):
            add_products(passed, x + 2 * t, s[4 * t : 8 * t], back, k)
        for k in range(x):
            of_inputs[j, k] = passed[k]
        for k in range(t):
            below[j, k] = passed[x + t + k]
        for k in range(4 * t):
            of_sums[j, k] = s[4 * t + k]


@_inlined
def add_row(of_rows, of_bias, seen, of_sums, t, x):
    """Add what a row has to say of the weights; columns are filled up with zeros."""
    for k in range(x + 2 * t):
        for j in range(0, len(of_sums), UNROLLED):
            add_products(of_rows[k], 4 * t, seen[k], of_sums, j)
    for j in range(len(of_sums)):
        for k in range(4 * t):
            of_bias[k] += of_sums[j, k]


@lru_cache(maxsize=8)
def kernels(t: int, x: int) -> Kernels:
    """For t hidden channels and x channels of input, multiples of UNROLLED both."""
    return Kernels(_forward(t, x), _backward(t, x))


def _forward(t, x):
    @_compiled
    def forward(inputs, rows, bias, hidden, first, last):
        """Fill in the hidden states of some maps, each at the place that its cell has on the map.

        Args:
            inputs: (B, m, n, x).
            rows: (D, x + 2 t, 4 t) for input, left and above.
            bias: (D, 4 t).
            hidden: (D B, m, n, t), to be filled.
            first: map to begin with.
            last: map to end before.
        """
        b, m, n, _ = inputs.shape
        seen, gates = np.empty(x + 2 * t, np.float32), np.empty(4 * t, np.float32)
        cell = np.empty(t, np.float32)
        for one in range(first, last):
            d = one // b
            for i in range(m):
                seen[:] = _ZERO
                cell[:] = _ZERO
                for step in range(n):
                    j = n - 1 - step if d else step
                    look(seen, inputs[one - d * b], hidden[one], i, j, t, x)
                    advance(gates, cell, seen, rows[d], bias[d], t, x)
                    for k in range(t):
                        hidden[one, i, j, k] = seen[x + k]

    return forward


def _backward(t, x):
    @_compiled
    def backward(
        inputs, rows, bias, hidden, of_hidden, back, of_inputs, of_rows, of_bias, first, last
    ):
        """Gradients of some maps: of a weight one per map, so that no sum depends on who computed it.

        Args:
            inputs: (B, m, n, x), as those up to `hidden` in the forward pass.
            rows: (D, x + 2 t, 4 t).
            bias: (D, 4 t).
            hidden: (D B, m, n, t).
            of_hidden: (D B, m, n, t).
            back: (D, 4 t, x + 2 t), `rows` turned.
            of_inputs: (D B, m, n, x), to be filled.
            of_rows: (D B, x + 2 t, 4 t), zeros.
            of_bias: (D B, 4 t), zeros.
            first: map to begin with.
            last: map to end before.
        """
        b, m, n, _ = inputs.shape
        padded = -(-n // UNROLLED) * UNROLLED
        now, passed = np.empty(x + 2 * t, np.float32), np.empty(x + 2 * t, np.float32)
        gates, cells = np.empty((n, 4 * t), np.float32), np.empty((n, t), np.float32)
        s, below = np.empty(12 * t, np.float32), np.empty((n, t), np.float32)
        seen = np.zeros((x + 2 * t, padded), np.float32)
        of_sums = np.zeros((padded, 4 * t), np.float32)
        for one in range(first, last):
            d = one // b
            given, states, of_given = inputs[one - d * b], hidden[one], of_inputs[one]
            below[:] = _ZERO
            for i in range(m - 1, -1, -1):
                go_again(gates, cells, seen, now, given, states, rows[d], bias[d], i, d, t, x)
                go_back(
                    of_sums,
                    of_given[i],
                    below,
                    s,
                    passed,
                    gates,
                    cells,
                    of_hidden[one, i],
                    back[d],
                    d,
                    t,
                    x,
                )
                add_row(of_rows[one], of_bias[one], seen, of_sums, t, x)

    return backward
