"""foveate demo: makes an archive of large images and classifies it, to show the main job and its tables."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from actors.engine_config import EngineConfig
from actors.model_directory import open_model
from jobs.classify import ClassifyJob, run
from jobs.console import out, run_alone, told_plainly
from pipeline.manifest import read_images


def demo(
    directory: Annotated[Path, typer.Option("--out", help="Directory to make.")] = Path("demo"),
    budget: Annotated[int, typer.Option(help="Most looks per image.", min=1)] = 9,
) -> None:
    """Make six images of 8192 x 8192 pixels and classify them with the model `digits`."""
    with told_plainly():
        manifest = make_archive(directory)
        command = ["classify", str(manifest), "--model", "digits", "--budget", str(budget)]
        command += ["--out", str(directory / "results")]
        out.print(f"$ foveate {' '.join(command)}")
        job = ClassifyJob(
            manifest=read_images([str(manifest)]),
            model=open_model("digits").with_changes({"walk.budget": budget}),
            out=(directory / "results").absolute(),
            engine=EngineConfig(),
            workers=None,
            address=None,
            arguments=("foveate", *command),
        )
        status = run(job)
    sys.exit(status)


def make_archive(directory: Path) -> Path:
    """Write the images and their manifest; returns the manifest's path."""
    # Not above: only the demo needs scikit-image and scikit-learn.
    from jobs.demo_images import make_images

    images = directory / "images"
    images.mkdir(parents=True, exist_ok=True)
    manifest = directory / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["sample_id", "image_path", "label"])
        for image in make_images(images):
            out.print(f"made {image.path}")
            rows.writerow([image.sample_id, image.path.relative_to(directory), image.label])
    return manifest


if __name__ == "__main__":
    run_alone(demo)
