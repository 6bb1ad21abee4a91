"""The story of an export: a run's network becomes a folder that others can use without dnsearch.

The files are written beside the final folder and read back by the runtime that they are meant for, in a
process that imports nothing of dnsearch. Only if it agrees with the run's own network does the folder stay.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dnsearch import __version__, processes
from dnsearch.data.dataset import Images
from dnsearch.errors import Problem, RunError
from dnsearch.evaluate.metrics import softmax
from dnsearch.evaluate.trained_run import Trained, images_of, trained
from dnsearch.export import outside
from dnsearch.export.stock import TrainedWeights, weights_by_node
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import RunFolder
from dnsearch.spec.data_section import SOURCES

ABOUT = "about.json"
SAMPLES = 64
TOLERANCE = 1e-4
"""Largest difference that float32 explains: of a probability, or of a logit as a share of the largest one."""

FormatName = Literal["savedmodel", "litert", "onnx", "keras-weights"]


@dataclass(frozen=True, slots=True)
class Format:
    """What is written: the format's name, and a function that writes its files into a folder."""

    name: FormatName
    write: Callable[[TrainedWeights, Path], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was checked on so many images; the largest difference as in ``TOLERANCE``."""

    path: Path
    format: FormatName
    images: int
    difference: float
    size_bytes: int


def export_run(run: RunFolder, form: Format, out: Path, *, force: bool) -> Exported:
    """Write a run's network into a new folder; compare the outputs on some of its validation images.

    Raises:
        RunError: the run has no weights; the folder exists and ``force`` does not replace an earlier export,
            or it cannot be made; the runtime cannot read what was written, or disagrees.
        DataError: the data is missing or is no longer what the run was trained on.
    """
    earlier = (out / ABOUT).is_file() and not out.is_symlink()
    if os.path.lexists(out) and not (force and earlier):
        found = "an earlier export" if earlier else "something else"
        hint = "Replace it with --force." if earlier else "Choose another --out."
        raise RunError(str(Problem(str(out), "a new folder", found, hint)))
    network = trained(run)
    images = images_of(network, "validation").first(SAMPLES)
    by_node, scaling = weights_by_node(network.plan, network.model), network.scaling
    pixels: Literal["uint8", "float32"] = "uint8" if images.dtype == np.uint8 else "float32"
    weights = TrainedWeights(network.plan, by_node, scaling.offset, scaling.scale, pixels)
    with _in_place(out) as folder:
        form.write(weights, folder)
        difference = _compared(form, folder, network, images)
        about = _about(run, form, network, weights)
        about["check"] = {"images": len(images), "difference": difference, "tolerance": TOLERANCE}
        (folder / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Exported(out, form.name, len(images), difference, size)


def _about(run: RunFolder, form: Format, network: Trained, weights: TrainedWeights) -> dict[str, Any]:
    """What users of the export have to know, as JSON."""
    largest = SOURCES[network.experiment.data.source].largest_pixel
    images = {"name": "images", "shape": ["batch", *network.image_shape], "type": weights.pixels}
    outputs = {"shape": ["batch", *weights.plan.nodes[-1].shape], "type": "float32"}
    return {
        "format": form.name,
        "run": run.name,
        "dnsearch": __version__,
        "input": images | {"range": [0, largest] if weights.pixels == "uint8" else None},
        "outputs": [{"name": name, **outputs} for name in ("logits", "probabilities")],
        "scaling_inside": network.scaling.as_json(),
        "class_names": list(network.class_names),
    }


def _compared(form: Format, folder: Path, network: Trained, images: Images) -> float:
    """The largest difference between the format's runtime and the run's network; a RunError if too large."""
    ours = np.asarray(network.logits(network.scaling.apply(images)), np.float64)
    with tempfile.TemporaryDirectory() as place:
        samples, results = Path(place, "images.npy"), Path(place, "results.npz")
        np.save(samples, images)
        last_words = processes.run_script(Path(outside.__file__), form.name, folder, samples, results)
        if not results.exists():
            expected = f"files that {form.name}'s own runtime can read"
            raise RunError(str(Problem("export", expected, last_words, "Nothing was kept.")))
        with np.load(results) as found:
            logits, probabilities = (found[name].astype(np.float64) for name in ("logits", "probabilities"))
    off = np.abs(logits - ours).max() / max(1.0, np.abs(ours).max())
    difference = float(np.maximum(off, np.abs(probabilities - softmax(ours)).max()))
    if not difference <= TOLERANCE:  # not ">", since NaN agrees with nothing
        expected = f"the run's outputs to {TOLERANCE:g} from {form.name}'s own runtime"
        difference_found = f"a difference of {difference:.2g}"
        raise RunError(str(Problem("export", expected, difference_found, "Nothing was kept.")))
    return difference


@contextlib.contextmanager
def _in_place(out: Path) -> Iterator[Path]:
    """A new folder that becomes ``out`` when the block ends well, and is removed when it does not."""
    mark = f"{os.getpid()}-{os.urandom(4).hex()}"
    made, former = out.with_name(f".{out.name}.{mark}.tmp"), out.with_name(f".{out.name}.{mark}.old")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        made.mkdir()
    try:
        yield made
        with writing(out):
            if out.exists():
                out.rename(former)
            made.rename(out)
        shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(made, ignore_errors=True)
