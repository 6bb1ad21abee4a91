"""``dnsearch export``: a network for use elsewhere. ``dnsearch import-weights``: Keras' weights as a run."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from typer import Argument, Option

from dnsearch import environment
from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, RunPath, Runs, Set, Spec

if TYPE_CHECKING:
    from dnsearch.export.exporting import Format

Kind = Literal["savedmodel", "litert", "onnx", "keras-weights"]
# Libraries that come with the extra of that name.
NEEDS: dict[Kind, tuple[str, ...]] = {"litert": ("ai_edge_litert",), "onnx": ("onnx", "onnxruntime")}


def export(
    run: RunPath,
    kind: Kind = Option(
        ..., "--format", "-f", help="What to write. litert and onnx need the extras of that name."
    ),
    out: Path | None = Option(
        None, "--out", "-o", metavar="DIR", help="Folder to make. Default: RUN/export/FORMAT."
    ),
    force: bool = Option(False, "--force", help="Replace an earlier export."),
    as_json: Json = False,
) -> None:
    """Export a trained network, from raw pixels to probabilities, and check it in the runtime it is for."""
    from dnsearch.runs.folder import RunFolder

    folder = RunFolder.open(run)
    if kind in NEEDS:
        environment.require(kind, *NEEDS[kind])
    environment.prepare_tensorflow()
    from dnsearch.export.exporting import TOLERANCE, export_run
    from dnsearch.report.units import size

    exported = export_run(folder, format_of(kind), out or folder.path / "export" / kind, force=force)
    if as_json:
        console.show_json({**asdict(exported), "path": str(exported.path), "tolerance": TOLERANCE})
    difference = f"largest difference {exported.difference:.1e}, tolerance {TOLERANCE:.0e}"
    console.say(f"{folder.name} → {exported.path}  {size(exported.size_bytes)}")
    console.say(f"checked on {exported.images} images of the run: {difference}")


def format_of(kind: Kind) -> "Format":
    """How a kind is written; imports the libraries that writing it needs."""
    from dnsearch.export import stock
    from dnsearch.export.exporting import Format

    if kind == "onnx":
        from dnsearch.export.onnx import write_onnx

        return Format(kind, write_onnx)
    by_tensorflow = {
        "savedmodel": stock.write_saved_model,
        "litert": stock.write_litert,
        "keras-weights": stock.write_keras_weights,
    }
    return Format(kind, by_tensorflow[kind])


def import_weights(
    spec: Spec,
    weights: Path = Argument(
        ...,
        metavar="FILE",
        help="Weights of keras.applications' DenseNet121, 169 or 201: .h5 or .weights.h5.",
    ),
    overrides: Set = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Make a run of Keras' ImageNet weights, to predict with or to fine-tune."""
    from dnsearch.front_door import planned_spec

    document = planned_spec(spec, overrides).document
    environment.prepare_tensorflow()
    from dnsearch.export.importing import import_run

    imported = import_run(document, weights, runs)
    path, fresh, differences = imported.folder.path, imported.fresh, imported.differences
    if as_json:
        told = {"fresh": list(fresh), "differences": list(differences)}
        console.show_json({"name": imported.folder.name, "path": str(path), **told})
    console.say(f"{weights} → {path}")
    if fresh:
        console.say(f"not in the file, so initialised at random: {', '.join(fresh)}")
    for difference in differences:
        console.say(f"the weights fit, but {difference}")
    console.say(f"next: dnsearch predict {path} IMAGE; dnsearch train SPEC --set training.start_from={path}")
