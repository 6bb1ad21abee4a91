"""``dnsearch data``: what a spec's images are, and what augmentation makes of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer import Option

from dnsearch import environment
from dnsearch.cli import console
from dnsearch.cli.options import Force, Json, Set, Spec, png

if TYPE_CHECKING:
    from dnsearch.data.dataset import Dataset
    from dnsearch.spec.experiment import Experiment


def data(
    spec: Spec,
    out: Path | None = Option(
        None,
        "--out",
        metavar="FILE.png",
        callback=png,
        help="Also draw a contact sheet of training images, before and after augmentation.",
    ),
    samples: int = Option(24, min=1, max=1000, help="Images on the sheet."),
    epoch: int = Option(1, min=1, help="The epoch whose first images the sheet shows: what is trained on."),
    overrides: Set = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Show a spec's images: counts per class, sizes, scaling, and a sheet of samples after augmentation."""
    from dnsearch.data.sources import load
    from dnsearch.data.split import repetitions
    from dnsearch.report.tables import image_table
    from dnsearch.runs.atomic import check_new
    from dnsearch.spec.document import load as load_spec

    check_new([out] if out else [], force=force)
    experiment = load_spec(spec, overrides or ()).experiment
    dataset = load(experiment.data)
    found = _counted(experiment.name, dataset)
    if as_json:
        console.show_json(found)
    else:
        console.show(image_table(found))
    if words := repetitions(dataset):
        console.say(words)
    if out is not None:
        _draw(out, experiment, dataset, samples, epoch)


def _counted(name: str, dataset: "Dataset") -> dict[str, Any]:
    from dnsearch.data.split import repeated

    named = {"training": dataset.training, "validation": dataset.validation, "test": dataset.test}
    parts = {part: split for part, split in named.items() if split is not None}
    counts = {part: split.counts(len(dataset.class_names)) for part, split in parts.items()}
    return {
        "name": name,
        "image_shape": dataset.image_shape,
        "classes": [
            {"name": class_name, **{part: counts[part][label] for part in parts}}
            for label, class_name in enumerate(dataset.class_names)
        ],
        "images": {part: len(split) for part, split in parts.items()},
        "repeated": repeated(dataset),
        "counted": "pixels" if dataset.has_masks else "images",
        "scaling": {"offset": dataset.scaling.offset, "scale": dataset.scaling.scale},
    }


def _draw(out: Path, experiment: "Experiment", dataset: "Dataset", count: int, epoch: int) -> None:
    environment.prepare_tensorflow()
    from dnsearch.data.batches import samples
    from dnsearch.report.drawing.picture import write_picture
    from dnsearch.report.pictures import Pair, contact_sheet

    training = experiment.training
    pairs = [Pair(*sample) for sample in samples(dataset, training, count, epoch)]
    kinds = ", ".join(training.augmentation.kinds) if training.augmentation else ""
    how = f"left: as it was; right: {kinds}" if kinds else "no augmentation"
    masks = ", all under their masks" if dataset.has_masks else ""
    subtitle = f"training images, epoch {epoch}, seed {training.seed} · {how}{masks}"
    write_picture(out, contact_sheet(experiment.name, subtitle, pairs, compared=bool(kinds)))
    console.say(f"drew {out}")
