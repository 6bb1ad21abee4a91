"""``dnsearch evaluate``: how good a trained network is on images that it has not seen.

``dnsearch predict``: what images show.
"""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import Json, RunPath

if TYPE_CHECKING:
    from dnsearch.evaluate.predict import MaskPrediction


class Part(StrEnum):
    """Which images."""

    test = "test"
    validation = "validation"


class Views(StrEnum):
    """Test-time augmentation."""

    flip = "flip"
    shifts = "shifts"
    flip_and_shifts = "flip,shifts"


def _png(file: Path | None) -> Path | None:
    """Checked before the images are read, which may take a while."""
    if file is not None and file.suffix.lower() != ".png":
        raise typer.BadParameter(f"a file that ends in .png, not {file.suffix or 'one without an ending'}")
    return file


def evaluate(
    run: RunPath,
    split: Annotated[
        Part, typer.Option(help="Which images: the test set, or the held-out validation images.")
    ] = Part.test,
    tta: Annotated[
        Views | None,
        typer.Option(
            help="Test-time augmentation: average the probabilities of mirrored and shifted views (a U-Net: "
            "only flip). Printed, not recorded.",
        ),
    ] = None,
    confusion: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw the confusion matrix into a file.",
            callback=_png,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a trained run on its test images: accuracy (a U-Net's mean IoU), loss, calibration.

    Example: [cyan]dnsearch evaluate runs/article[/cyan]
    """
    from dnsearch import environment
    from dnsearch.runs.folder import RunFolder

    folder = RunFolder.open(run)
    environment.prepare_tensorflow()
    from dnsearch.evaluate.trained_run import evaluate_run
    from dnsearch.report.evaluation_tables import evaluation_json, evaluation_table

    found = evaluate_run(folder, split.value, tta.value if tta else None)
    views = f" with --tta {tta.value}" if tta else ""
    title = f"{folder.name}: {found.examples:,} {split.value} images{views}"
    if as_json:
        asked = {"name": folder.name, "split": split.value, "tta": tta and tta.value}
        console.show_json(asked | evaluation_json(found))
    else:
        console.show(evaluation_table(found, title, console.data.width))
    if confusion is not None:
        from dnsearch.report.pictures import draw_confusion

        names = [each.name for each in found.classes]
        draw_confusion(found.confusion, names, title, confusion)
        console.say(f"drew {confusion}")


def predict(
    run: RunPath,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="PNG or JPEG files.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to print.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="U-Nets: where to write masks and overlays. Default: beside each image.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what images show, with a trained run; a U-Net writes a mask and an overlay of each.

    Example: [cyan]dnsearch predict runs/article cat.png[/cyan]
    """
    from dnsearch import environment
    from dnsearch.runs.folder import RunFolder

    folder = RunFolder.open(run)
    segments = folder.read().settings["network.family"] == "unet"
    if out is not None and not segments:
        raise typer.BadParameter(
            "--out is for U-Nets, which write masks; this run gives each image one class"
        )
    environment.prepare_tensorflow()
    from dnsearch.evaluate.predict import predict_images, predict_masks

    if segments:
        _show_masks(predict_masks(folder, images, out), top, as_json=as_json)
        return
    predictions = predict_images(folder, images, top)
    if as_json:
        console.show_json([{"image": found.image, "classes": found.classes} for found in predictions])
        return
    for found in predictions:
        console.raw(f"{found.image}  {_listed(found.classes, top)}")


def _show_masks(predictions: "list[MaskPrediction]", top: int, *, as_json: bool) -> None:
    if as_json:
        console.show_json([asdict(found) for found in predictions])
        return
    for found in predictions:
        console.raw(f"{found.image}  {found.mask}  {found.overlay}  {_listed(found.classes, top)}")


def _listed(classes: dict[str, float], top: int) -> str:
    return "  ".join(f"{name} {100 * share:.1f} %" for name, share in [*classes.items()][:top])
