"""Compile both kernels for a kind of GPU that need not be here, and print what they take.

python -m tests.models.attention_rnn.compiled CAPABILITY
"""

from __future__ import annotations

import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from models.attention_rnn.fused import CHANNELS, MAX_ROWS, num_warps
from models.attention_rnn.kernels import backward_kernel, forward_kernel

NUMBERS, CONSTANTS = ("b", "m", "n"), {"T": CHANNELS, "ROWS": MAX_ROWS}


def main(capability: int) -> None:
    """The largest map's kernels: name, bytes of machine code, shared memory."""
    for kernel in (forward_kernel, backward_kernel):
        names = list(kernel.arg_names)
        kinds = {name: "i32" if name in NUMBERS else "*fp32" for name in names}
        kinds |= dict.fromkeys(CONSTANTS, "constexpr")
        constants = {(names.index(name),): value for name, value in CONSTANTS.items()}
        made = triton.compile(
            ASTSource(fn=kernel, signature=kinds, constexprs=constants),
            target=GPUTarget("cuda", capability, 32),
            options={"num_warps": num_warps(MAX_ROWS)},
        )
        found = (kernel.__name__, len(made.asm["cubin"]), made.metadata.shared)
        sys.stdout.write(" ".join(map(str, found)) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
