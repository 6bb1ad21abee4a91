"""What every pixel of an image shows, by a U-Net: a mask and the image under it, as PNG files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dnsearch.data.painting import MOST_CLASSES, image_png, mask_png, overlaid, visible
from dnsearch.errors import Problem, RunError
from dnsearch.inference.trained import Trained, trained
from dnsearch.records.atomic import atomic_write, writing
from dnsearch.records.store import RunFolder


@dataclass(frozen=True, slots=True)
class MaskPrediction:
    """What the pixels of an image show.

    Args:
        image: the file.
        mask: a PNG of class numbers, of the run's image size.
        overlay: a PNG of the image, as the network saw it, under its mask.
        classes: class name → share of the pixels, the largest first.
    """

    image: str
    mask: str
    overlay: str
    classes: dict[str, float]


def predict_masks(folder: RunFolder, images: Sequence[Path], out: Path | None) -> list[MaskPrediction]:
    """Write what the pixels of image files show: ``NAME.mask.png`` and ``NAME.overlay.png`` for each.

    Args:
        folder: a U-Net's run with weights.
        images: PNG or JPEG files; they are brought to the run's image shape, and masks have that size.
        out: the folder to write into, which is made; None: beside each image.

    Raises:
        RunError: the run has no weights, two images would have one mask, a mask cannot be written, or there
            are more classes than a PNG can tell apart.
        DataError: a file is missing or is no image.
    """
    network = trained(folder)
    stems = [str((out or image.parent) / image.stem) for image in images]
    _check_paintable(network, stems)
    if out is not None:
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
    return [_painted(network, image, stem) for image, stem in zip(images, stems, strict=True)]


def _check_paintable(network: Trained, stems: Sequence[str]) -> None:
    if twice := [stem for stem in stems if stems.count(stem) > 1]:
        expected, hint = "one mask for each image", "Rename an image, or predict them one after another."
        raise RunError(str(Problem(f"{twice[0]}.mask.png", expected, "two images of this name", hint)))
    if len(network.class_names) > MOST_CLASSES:
        expected = f"at most {MOST_CLASSES} classes, which a PNG's palette can tell apart"
        raise RunError(str(Problem("predict", expected, f"{len(network.class_names)}")))


def _painted(network: Trained, image: Path, stem: str) -> MaskPrediction:
    pixels = network.read([image])
    mask = np.asarray(network.logits(network.scaling.apply(pixels)))[0].argmax(axis=-1)
    names, classes = network.class_names, len(network.class_names)
    files = f"{stem}.mask.png", f"{stem}.overlay.png"
    atomic_write(Path(files[0]), mask_png(mask, classes))
    atomic_write(Path(files[1]), image_png(overlaid(visible(pixels[0], (0, 255)), mask, classes)))
    shares = np.bincount(mask.ravel(), minlength=classes) / mask.size
    shown = {names[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable") if shares[i]}
    return MaskPrediction(str(image), *files, shown)
