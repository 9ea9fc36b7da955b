"""foveate models: what can be built, how large it is, and what looks cost."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from jobs.console import out, run_alone, told_plainly

LOCATIONS = (0, 1, 2, 3, 4, 5, 6)


def models(
    classes: Annotated[
        int | None, typer.Option(help="Classes of the network; the paper's when not given.", min=2)
    ] = None,
) -> None:
    """List the architectures: parameters, and multiplications per number of attended locations."""
    with told_plainly():
        # Not above: only this command counts.
        from models.architecture import ARCHITECTURES
        from models.build import build_model
        from models.counts import num_multiplications, num_parameters

        table = Table(
            "name", "looks at", "grid", "classes", "parameters", "locations: multiplications"
        )
        for name, architecture in ARCHITECTURES.items():
            num_classes = classes or architecture.num_classes
            network = build_model(name, num_classes=num_classes)
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
        out.print(table)


if __name__ == "__main__":
    run_alone(models)
