"""``dnsearch export``: a trained network for use without dnsearch."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import Json, RunPath

if TYPE_CHECKING:
    from dnsearch.exporting import Format


class Kind(StrEnum):
    """What to write."""

    savedmodel = "savedmodel"
    litert = "litert"
    onnx = "onnx"
    keras_weights = "keras-weights"


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
            help="Folder to make. Left out: RUN/export/FORMAT.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    as_json: Json = False,
) -> None:
    """Export a trained network, from raw pixels to probabilities, and check it in the runtime it is for.

    Example: [cyan]dnsearch export runs/article --format onnx[/cyan]
    """
    from dnsearch import runtime
    from dnsearch.records.store import RunFolder

    folder = RunFolder.open(run)
    match kind:
        case Kind.litert:
            runtime.require("litert", "ai_edge_litert")
        case Kind.onnx:
            runtime.require("onnx", "onnx", "onnxruntime")
    runtime.prepare_tensorflow()
    from dnsearch.board.units import size
    from dnsearch.exporting import TOLERANCE, export_run

    path = out or folder.path / "export" / kind.value
    exported = export_run(folder, format_of(kind), path, force=force)
    if as_json:
        console.show_json(
            {
                "path": str(exported.path),
                "format": exported.format,
                "images": exported.images,
                "difference": exported.difference,
                "tolerance": TOLERANCE,
                "size_bytes": exported.size_bytes,
            }
        )
    console.say(
        f"{folder.name} → {exported.path}  {size(exported.size_bytes)}\n"
        f"checked on {exported.images} images of the run: largest difference {exported.difference:.1e}, "
        f"tolerance {TOLERANCE:.0e}"
    )


def format_of(kind: Kind) -> "Format":
    """How a kind is written, and which script reads it; imports the libraries that writing it needs."""
    from dnsearch.exporting import Format
    from dnsearch.model import keras_files

    match kind:
        case Kind.savedmodel:
            return Format("savedmodel", keras_files.write_saved_model, "savedmodel")
        case Kind.litert:
            return Format("litert", keras_files.write_litert, "litert")
        case Kind.keras_weights:
            return Format("keras-weights", keras_files.write_keras_weights, "keras_weights")
        case Kind.onnx:
            from dnsearch.model.onnx_file import write_onnx

            return Format("onnx", write_onnx, "onnx_runtime")
