"""foveate models: what can be built, how large it is, and what looks cost."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from jobs.console import out, run_alone, told_plainly

LOCATIONS = (0, 1, 2, 3, 4, 5, 6)
GLIMPSES = (2, 6, 8, 20)
"""Of TNet's table 1."""


def models(
    classes: Annotated[
        int | None, typer.Option(help="Classes of the network; the paper's when not given.", min=2)
    ] = None,
) -> None:
    """List what can be built: networks of the walk, what may be put into them, and networks of other papers."""
    with told_plainly():
        for title, table in (
            (
                "Networks of the walk, for `foveate new-model` and config.json",
                partial(_architectures, classes),
            ),
            ("What may be put into them, by the key in the section `network`", _parts),
            (
                "Other hard attention, for `foveate baseline-benchmark`",
                partial(_hard_attention, classes),
            ),
            (
                "Networks that see a whole image at once (of 32 x 32 px: for `foveate image-benchmark`)",
                _whole_image_networks,
            ),
        ):
            # Shown before the next is counted: all together take a while.
            counted = table()
            out.print(f"\n{title}", markup=False)
            out.print(counted)


def _architectures(classes: int | None) -> Table:
    # Not above: only this command counts.
    import torch

    from models.architecture import ARCHITECTURES
    from models.build import assemble
    from models.counts import num_multiplications, num_parameters

    table = Table("name", "looks at", "grid", "classes", "parameters", "locations: multiplications")
    for name, architecture in ARCHITECTURES.items():
        num_classes = classes or architecture.num_classes
        with torch.device("meta"):  # sizes alone are wanted
            network = assemble(name, num_classes=num_classes)
        counts = (
            f"{k}: {num_multiplications(name, k, num_classes=num_classes) / 1e9:.3f} G"
            for k in (LOCATIONS if architecture.grid else (0,))
        )
        table.add_row(
            name,
            f"{architecture.base_px} x {architecture.base_px}",
            f"{architecture.grid} x {architecture.grid}" if architecture.grid else "-",
            str(num_classes),
            f"{num_parameters(network):,}",
            "\n".join(counts),
        )
    return table


def _parts() -> Table:
    from models.catalogue.part import COUNTED_IN, NUM_LOOKS, PARTS, ROOTS_A_SIDE

    table = Table(
        "key", "name", "paper", f"parameters in {COUNTED_IN}", "multiplications of an image"
    )
    for name, part in PARTS:
        cost = part.cost(name)
        of = f"{ROOTS_A_SIDE**2} roots" if part.role == "root_scorer" else f"{NUM_LOOKS} looks"
        count = f"{cost.multiplications / 1e6:.3f} M, {of}"
        table.add_row(part.role, name, part.paper, f"{cost.num_parameters:,}", count)
    return table


def _hard_attention(classes: int | None) -> Table:
    from models.catalogue.hard_attention import HARD_ATTENTION

    table = Table(
        *("name", "paper", "how", "looks at", "classes", "parameters", "glimpses: multiplications")
    )
    for name, network in HARD_ATTENTION.items():
        num_classes = classes or network.num_classes
        cost = network.cost(num_classes)
        table.add_row(
            name,
            network.paper,
            network.role,
            network.looks_at,
            str(num_classes),
            f"{cost.num_parameters:,}",
            "\n".join(f"{n}: {cost.of_glimpses(n) / 1e9:.3f} G" for n in GLIMPSES),
        )
    return table


def _whole_image_networks() -> Table:
    from models.catalogue.whole_image import WHOLE_IMAGE

    table = Table("name", "paper", "looks at", "classes", "parameters", "multiplications")
    for name, network in WHOLE_IMAGE.items():
        parameters, multiplications = network.counted()
        side = f"{network.input_px} x {network.input_px}"
        count = f"{'at most ' if network.chooses else ''}{multiplications / 1e9:.3f} G"
        table.add_row(name, network.paper, side, str(network.num_classes), f"{parameters:,}", count)
    return table


if __name__ == "__main__":
    run_alone(models)
