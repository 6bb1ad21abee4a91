"""``dnsearch export``: a trained network for use without dnsearch.

``dnsearch import-weights``: a Keras weights file becomes a run.
"""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, RunPath, Runs, Set, Spec

if TYPE_CHECKING:
    from dnsearch.export.exporting import Format


class Kind(StrEnum):
    """What to write."""

    savedmodel = "savedmodel"
    litert = "litert"
    onnx = "onnx"
    keras_weights = "keras-weights"


NEEDS = {Kind.litert: ("ai_edge_litert",), Kind.onnx: ("onnx", "onnxruntime")}
"""Libraries that come with the extra of that name."""


def export(
    run: RunPath,
    kind: Annotated[
        Kind,
        typer.Option("--format", "-f", help="What to write. litert and onnx need the extras of that name."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder to make. Default: RUN/export/FORMAT.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    as_json: Json = False,
) -> None:
    """Export a trained network, from raw pixels to probabilities, and check it in the runtime it is for.

    Example: [cyan]dnsearch export runs/article --format onnx[/cyan]
    """
    from dnsearch import environment
    from dnsearch.runs.folder import RunFolder

    folder = RunFolder.open(run)
    if libraries := NEEDS.get(kind):
        environment.require(kind.value, *libraries)
    environment.prepare_tensorflow()
    from dnsearch.export.exporting import TOLERANCE, export_run
    from dnsearch.report.units import size

    path = out or folder.path / "export" / kind.value
    exported = export_run(folder, format_of(kind), path, force=force)
    if as_json:
        console.show_json({**asdict(exported), "path": str(exported.path), "tolerance": TOLERANCE})
    console.say(
        f"{folder.name} → {exported.path}  {size(exported.size_bytes)}\n"
        f"checked on {exported.images} images of the run: largest difference {exported.difference:.1e}, "
        f"tolerance {TOLERANCE:.0e}"
    )


def format_of(kind: Kind) -> "Format":
    """How a kind is written; imports the libraries that writing it needs."""
    from dnsearch.export import stock
    from dnsearch.export.exporting import Format

    match kind:
        case Kind.savedmodel:
            return Format("savedmodel", stock.write_saved_model)
        case Kind.litert:
            return Format("litert", stock.write_litert)
        case Kind.keras_weights:
            return Format("keras-weights", stock.write_keras_weights)
        case Kind.onnx:
            from dnsearch.export.onnx import write_onnx

            return Format("onnx", write_onnx)
        case _:
            assert_never(kind)


def import_weights(
    spec: Spec,
    weights: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Weights of keras.applications' DenseNet121, 169 or 201: .h5 or .weights.h5.",
        ),
    ],
    overrides: Set = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Make a run of Keras' ImageNet weights, to predict with or to fine-tune.

    Example: [cyan]dnsearch import-weights densenet-121 densenet121.weights.h5[/cyan]
    """
    from dnsearch import environment
    from dnsearch.cli.planning import planned_spec

    document = planned_spec(spec, overrides).document
    environment.prepare_tensorflow()
    from dnsearch.export.importing import import_run

    imported = import_run(document, weights, runs)
    path, fresh, differences = imported.folder.path, imported.fresh, imported.differences
    if as_json:
        named = {"name": imported.folder.name, "path": str(path)}
        console.show_json({**named, "fresh": list(fresh), "differences": list(differences)})
    console.say(f"{weights} → {path}")
    if fresh:
        console.say(f"not in the file, so initialised at random: {', '.join(fresh)}")
    for difference in differences:
        console.say(f"the weights fit, but {difference}")
    console.say(f"next: dnsearch predict {path} IMAGE; dnsearch train SPEC --set training.start_from={path}")
