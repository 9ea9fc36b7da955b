"""foveate costs: what a run's looks cost by the user's price lists, beside the images in full."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer
from rich.table import Table

from jobs.console import err, out, run_alone, told_plainly
from pipeline.costs.models import CostModel, PerArea, read_cost_models
from pipeline.costs.priced_run import priced, totals
from pipeline.costs.pricing import Price
from pipeline.errors import UsageError
from pipeline.exports.ground import has_pyproj
from pipeline.exports.orders import orders_geojson
from pipeline.records.finished_image import FinishedImage
from pipeline.records.finished_run import FinishedRun, open_run
from pipeline.records.run import write_text
from pipeline.records.side_table import replace_table
from pipeline.records.store.opening import directory_at

COSTS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("model", pa.string()),
        ("as_of", pa.string()),
        ("currency", pa.string()),
        ("attended", pa.float64()),
        ("whole", pa.float64()),
        ("is_dearer", pa.bool_()),
        ("num_orders", pa.int64()),
        ("charged_km2", pa.float64()),
    ]
)


def costs(
    place: Annotated[
        str, typer.Argument(metavar="RUN", help="Directory of foveate classify or savings.")
    ],
    cost: Annotated[list[Path], typer.Option(help="Price list (YAML); may be given again.")],
    export_orders: Annotated[
        Path | None, typer.Option(help="Write the order polygons there, as GeoJSON.")
    ] = None,
) -> None:
    """Price what was looked at.

    Writes costs/ beside the run's tables. Prices are yours; docs/costs.md says what a list may hold.
    """
    with told_plainly():
        write_costs(directory_at(place, "costs"), cost, export_orders)


def read_lists(paths: Sequence[Path], export_orders: Path | None) -> tuple[CostModel, ...]:
    """Price lists that can do what is asked of them.

    Raises:
        UsageError: if one is not usable, or orders are asked for and none makes any.
    """
    models = read_cost_models(paths)
    if export_orders is not None and not any(isinstance(model, PerArea) for model in models):
        raise UsageError(
            f"--export-orders {export_orders}: no price list charges by area, so there are no orders; give one of kind "
            "per_km2 with --cost, or leave --export-orders out"
        )
    return models


def write_costs(directory: Path, paths: Sequence[Path], export_orders: Path | None) -> None:
    """Price a run, print the totals, and write the table and the orders.

    Raises:
        UsageError: if a list or the run is not usable, or an image lacks what a list needs.
    """
    models = read_lists(paths, export_orders)
    found = open_run(directory)
    images = list(found.images())
    prices = list(
        priced(
            images,
            models,
            seconds_per_image=_seconds_per_image(found),
            scan_seconds=_scan_seconds(directory),
        )
    )
    replace_table(directory / "costs", COSTS, [_row(one, _named(models, one)) for one in prices])
    _show(prices, models)
    if export_orders is not None:
        try:
            write_text(export_orders, _orders(images, prices))
        except OSError as error:
            raise UsageError(
                f"--export-orders {export_orders}: cannot be written to: {error}; give the name of a file in a "
                "directory that is there"
            ) from error
        out.print(f"orders: {export_orders}")


def _row(one: Price, model: CostModel) -> dict[str, object]:
    return {
        "sample_id": one.sample_id,
        "model": one.model,
        "as_of": model.as_of.isoformat(),
        "currency": model.currency,
        "attended": one.attended,
        "whole": one.whole,
        "is_dearer": one.is_dearer,
        "num_orders": len(one.orders) or None,
        "charged_km2": sum(order.charged_km2 for order in one.orders) or None,
    }


def _show(prices: Sequence[Price], models: Sequence[CostModel]) -> None:
    table = Table("price list", "as of", "what was looked at", "everything", "saved", "images")
    lines = totals(prices, models)
    for line, model in zip(lines, models, strict=True):
        saved = "?" if not line.whole else f"{1 - line.attended / line.whole:.1%}"
        whole = "?" if line.whole is None else _money(line.whole, model)
        attended = _money(line.attended, model)
        table.add_row(
            line.model, model.as_of.isoformat(), attended, whole, saved, str(line.num_images)
        )
    out.print(table)
    for line in lines:
        if line.num_dearer:
            err.print(
                f"{line.model}: on {line.num_dearer} of {line.num_images} images the looks cost MORE than the whole "
                "image; there, take it whole",
                style="bold yellow",
            )


def _money(amount: float, model: CostModel) -> str:
    text = f"{amount:,.2f}" if amount >= 1 else f"{amount:.3g}"
    return f"{text} {model.currency}"


def _orders(images: Sequence[FinishedImage], prices: Sequence[Price]) -> str:
    by_name = {image.sample_id: image for image in images}
    features: list[object] = []
    reasons: dict[str, None] = {}
    for one in prices:
        try:
            features += orders_geojson([(by_name[one.sample_id], one)])["features"]
        except UsageError as error:
            if not has_pyproj():
                raise
            reasons[str(error)] = None  # once, whatever the number of lists
    for reason in reasons:
        err.print(f"not in the orders: {reason}", markup=False)
    return json.dumps({"type": "FeatureCollection", "features": features}, allow_nan=False)


def _named(models: Sequence[CostModel], one: Price) -> CostModel:
    return next(model for model in models if model.name == one.model)


def _seconds_per_image(run: FinishedRun) -> float:
    return float(run.facts["seconds"]) / max(1, run.num_images)


def _scan_seconds(directory: Path) -> float | None:
    """Of the full scan that `foveate savings` ran on a sample."""
    path = directory / "ways" / "full_scan"
    return _seconds_per_image(open_run(path)) if (path / "run.json").exists() else None


if __name__ == "__main__":
    run_alone(costs)
