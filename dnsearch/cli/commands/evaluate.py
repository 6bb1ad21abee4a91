"""``dnsearch evaluate``: how good a trained network is on images that it has not seen."""

from enum import StrEnum
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


def evaluate(
    run: RunPath,
    split: Annotated[
        Part, typer.Option(help="Which images: the test set, or the held-out validation images.")
    ] = Part.test,
    tta: Annotated[
        Views | None,
        typer.Option(
            help="Test-time augmentation: average the probabilities of mirrored and shifted views. Told, not "
            "recorded.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a trained run on its test images; the leaderboard shows the result.

    Example: [cyan]dnsearch evaluate runs/article[/cyan]
    """
    from dnsearch import runtime
    from dnsearch.records.store import RunFolder

    folder = RunFolder.open(run)
    runtime.prepare_tensorflow()
    from dnsearch.inference import evaluate_run

    metrics = evaluate_run(folder, split.value, tta.value if tta else None)
    if as_json:
        found = {"loss": metrics.loss, "accuracy": metrics.accuracy, "examples": metrics.examples}
        console.show_json({"name": folder.name, "split": split.value, "tta": tta and tta.value, **found})
    else:
        views = f" with --tta {tta.value}" if tta else ""
        console.show(
            f"{folder.name}  {split.value} accuracy{views} {100 * metrics.accuracy:.2f} %  "
            f"loss {metrics.loss:.4f}  {metrics.examples:,} images"
        )
