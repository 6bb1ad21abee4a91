"""``dnsearch evaluate``: how good a trained network is on images that it has not seen."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import Json, RunPath


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
    """Said before the images are looked at, which may take a while."""
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
            "flip alone). Told, not recorded.",
            show_default=False,
        ),
    ] = None,
    confusion: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw the confusion matrix into a file.",
            show_default=False,
            callback=_png,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a trained run on its test images; the leaderboard shows accuracy (a U-Net's mean IoU) and loss.

    Example: [cyan]dnsearch evaluate runs/article[/cyan]
    """
    from dnsearch import runtime
    from dnsearch.records.store import RunFolder

    folder = RunFolder.open(run)
    runtime.prepare_tensorflow()
    from dnsearch.assess.segmentation import Segmentation
    from dnsearch.board import assessment, segmentation
    from dnsearch.board.confusion import draw_confusion
    from dnsearch.inference.evaluation import evaluate_run

    found = evaluate_run(folder, split.value, tta.value if tta else None)
    width = console.data.width
    views = f" with --tta {tta.value}" if tta else ""
    title = f"{folder.name}: {found.examples:,} {split.value} images{views}"
    if isinstance(found, Segmentation):
        figures, shown = segmentation.as_dict(found), segmentation.segmentation(found, title, width)
    else:
        figures, shown = assessment.as_dict(found), assessment.assessment(found, title, width)
    if as_json:
        console.show_json({"name": folder.name, "split": split.value, "tta": tta and tta.value, **figures})
    else:
        console.show(shown)
    if confusion is not None:
        names = [each.name for each in found.classes]
        draw_confusion(found.confusion, names, title, confusion)
        console.say(f"drew {confusion}")
