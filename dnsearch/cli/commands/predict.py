"""``dnsearch predict``: what images show."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import Json, RunPath

if TYPE_CHECKING:
    from dnsearch.inference.masks import MaskPrediction


def predict(
    run: RunPath,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="PNG or JPEG files.", show_default=False)
    ],
    top: Annotated[int, typer.Option(min=1, help="How many classes to tell.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="U-Nets: where to write masks and overlays. Left out: beside each image.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what images show, with a trained run; a U-Net writes a mask and an overlay of each.

    Example: [cyan]dnsearch predict runs/article cat.png[/cyan]
    """
    from dnsearch import runtime
    from dnsearch.records.store import RunFolder

    folder = RunFolder.open(run)
    segments = folder.read().settings["network.family"] == "unet"
    if out is not None and not segments:
        raise typer.BadParameter("--out is for U-Nets, which write masks; this run tells one class per image")
    runtime.prepare_tensorflow()
    from dnsearch.inference.masks import predict_masks
    from dnsearch.inference.prediction import predict_images

    if segments:
        _show_masks(predict_masks(folder, images, out), top, as_json=as_json)
        return
    predictions = predict_images(folder, images, top)
    if as_json:
        console.show_json([{"image": found.image, "classes": found.classes} for found in predictions])
        return
    for found in predictions:
        console.raw(f"{found.image}  {_told(found.classes, top)}")


def _show_masks(predictions: "list[MaskPrediction]", top: int, *, as_json: bool) -> None:
    if as_json:
        console.show_json([asdict(found) for found in predictions])
        return
    for found in predictions:
        console.raw(f"{found.image}  {found.mask}  {found.overlay}  {_told(found.classes, top)}")


def _told(classes: dict[str, float], top: int) -> str:
    return "  ".join(f"{name} {100 * share:.1f} %" for name, share in [*classes.items()][:top])
