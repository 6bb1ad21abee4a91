"""``dnsearch import-weights``: a Keras weights file becomes a run."""

from pathlib import Path
from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, Runs, Set, Spec


def import_weights(
    spec: Spec,
    weights: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Weights of keras.applications' DenseNet121, 169 or 201: .h5 or .weights.h5.",
            show_default=False,
        ),
    ],
    overrides: Set = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Make a run of Keras' ImageNet weights, to predict with or to fine-tune.

    Example: [cyan]dnsearch import-weights densenet-121 densenet121.weights.h5[/cyan]
    """
    from dnsearch import runtime
    from dnsearch.cli.planning import planned

    document = planned(spec, overrides).budget.document
    runtime.prepare_tensorflow()
    from dnsearch.importing import import_run

    imported = import_run(document, weights, runs)
    path, fresh, differences = imported.folder.path, imported.fresh, imported.differences
    if as_json:
        told = {"name": imported.folder.name, "path": str(path)}
        console.show_json({**told, "fresh": list(fresh), "differences": list(differences)})
    console.say(f"{weights} → {path}")
    if fresh:
        console.say(f"not in the file, with fresh weights: {', '.join(fresh)}")
    for difference in differences:
        console.say(f"the weights fit, but {difference}")
    console.say(f"next: dnsearch predict {path} IMAGE; dnsearch train SPEC --set training.start_from={path}")
