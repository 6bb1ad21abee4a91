"""``dnsearch predict``: what images show."""

from pathlib import Path
from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import Json, RunPath


def predict(
    run: RunPath,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="PNG or JPEG files.", show_default=False)
    ],
    top: Annotated[int, typer.Option(min=1, help="How many classes to tell.")] = 3,
    as_json: Json = False,
) -> None:
    """Tell what images show, with a trained run.

    Example: [cyan]dnsearch predict runs/article cat.png[/cyan]
    """
    from dnsearch import runtime
    from dnsearch.records.store import RunFolder

    folder = RunFolder.open(run)
    runtime.prepare_tensorflow()
    from dnsearch.inference import predict_images

    predictions = predict_images(folder, images, top)
    if as_json:
        console.show_json([{"image": found.image, "classes": found.classes} for found in predictions])
        return
    for found in predictions:
        likely = "  ".join(f"{name} {100 * share:.1f} %" for name, share in found.classes.items())
        console.raw(f"{found.image}  {likely}")
