"""``dnsearch evaluate``: how good a run is on other images. ``dnsearch predict``: what images show."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from typer import Argument, BadParameter, Option

from dnsearch import environment
from dnsearch.cli import console
from dnsearch.cli.options import Force, Json, RunPath, png
from dnsearch.errors import escaped


def evaluate(
    run: RunPath,
    split: Literal["test", "validation"] = Option(
        "test", help="Which images: the test set, or the held-out validation images."
    ),
    tta: Literal["flip", "shifts", "flip,shifts"] | None = Option(
        None,
        help="Test-time augmentation: average the probabilities of mirrored and shifted views (a U-Net: "
        "only flip). Printed, not recorded.",
    ),
    confusion: Path | None = Option(
        None, metavar="FILE.png", help="Draw the confusion matrix into a file.", callback=png
    ),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Measure a trained run on its test images: accuracy (a U-Net's mean IoU), loss, calibration."""
    from dnsearch.runs.atomic import check_new
    from dnsearch.runs.folder import RunFolder

    check_new([confusion] if confusion else [], force=force)
    folder = RunFolder.open(run)
    environment.prepare_tensorflow()
    from dnsearch.evaluate.trained_run import evaluate_run
    from dnsearch.report.evaluation_tables import evaluation_json, evaluation_table

    found = evaluate_run(folder, split, tta)
    title = f"{folder.name}: {found.examples:,} {split} images{f' with --tta {tta}' if tta else ''}"
    if as_json:
        console.show_json({"name": folder.name, "split": split, "tta": tta} | evaluation_json(found))
    else:
        console.show(evaluation_table(found, title, console.data().width))
    if confusion is not None:
        from dnsearch.report.pictures import draw_confusion

        draw_confusion(found.confusion, [each.name for each in found.classes], title, confusion)
        console.say(f"drew {confusion}")


def predict(
    run: RunPath,
    images: list[Path] = Argument(
        ...,
        metavar="IMAGE...",
        help="PNG or JPEG files, or folders of them: all images below, and CSV on stdout.",
    ),
    top: int = Option(3, min=1, help="How many classes to print."),
    out: Path | None = Option(
        None, metavar="DIR", help="U-Nets: where to write masks and overlays. Default: beside each image."
    ),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Tell what images show, with a trained run; a U-Net writes a mask and an overlay of each."""
    from dnsearch.runs.folder import RunFolder

    folder = RunFolder.open(run)
    segments = folder.read().settings["network.family"] == "unet"
    if out is not None and not segments:
        raise BadParameter("--out is for U-Nets, which write masks; this run gives each image one class")
    from dnsearch.data.data_files import images_below

    as_csv, images = any(each.is_dir() for each in images), images_below(images)
    environment.prepare_tensorflow()
    from dnsearch.evaluate.predict import predict_images, predict_masks

    if segments:
        predictions = [asdict(each) for each in predict_masks(folder, images, out, force=force)]
    else:
        predictions = [asdict(each) for each in predict_images(folder, images, top)]
    if as_json:
        console.show_json(predictions)
        return
    if as_csv:
        console.raw(prediction_csv(predictions, top))
        return
    for each in predictions:
        *files, classes = each.values()
        likely = "  ".join(f"{name} {100 * share:.1f} %" for name, share in [*classes.items()][:top])
        console.raw("  ".join(map(escaped, [*files, likely])))


def prediction_csv(predictions: Sequence[Mapping[str, Any]], top: int) -> str:
    """A line per image: its files, then the likeliest classes, each with its share.

    >>> print(prediction_csv([{"image": "a.png", "classes": {"cat": 0.75, "dog": 0.25}}], 1), end="")
    image,class_1,share_1
    a.png,cat,0.75
    """
    rows = []
    for each in predictions:
        *files, classes = each.values()
        rows.append([*files, *(part for pair in [*classes.items()][:top] for part in pair)])
    *names, _ = predictions[0]
    widest = (max(map(len, rows)) - len(names)) // 2
    heading = [
        *names,
        *(f"{word}_{number}" for number in range(1, widest + 1) for word in ("class", "share")),
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([heading, *rows])
    return text.getvalue()
