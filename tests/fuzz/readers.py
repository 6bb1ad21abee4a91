"""Every kind of file that dnsearch reads: how a good one is made, and what reads it. One row is one reader.

TensorFlow and Optuna are imported by the rows that need them; these come last.
"""

import gzip
import io
import pickle
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from dnsearch.data.image_files import Files
from dnsearch.data.sources import load
from dnsearch.front_door import facts
from dnsearch.report import formats
from dnsearch.report.leaderboard import leaderboard, study_board
from dnsearch.report.ranking import rank, rank_trials
from dnsearch.runs.folder import STUDY, RunFolder, write_epochs_csv, write_study
from dnsearch.runs.record import (
    EpochRecord,
    Metrics,
    Origin,
    Parameters,
    RunRecord,
    StudyRecord,
    opening,
    with_epoch,
)
from dnsearch.runs.record_json import to_lines
from dnsearch.runs.scan import scan, study_as_it_is
from dnsearch.spec.data_section import Data
from dnsearch.spec.document import fingerprint, parse, resolved_yaml
from dnsearch.spec.document import load as load_spec

RNG = np.random.default_rng(0)
SPEC = b"""version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1]}
data: {source: digits, training_examples: 200}
training: {epochs: 2, batch_size: 50, learning_rate: 0.1}
tune:
  pruner: none
  objectives: [validation, parameters]
  parameters:
    network.growth_rate: {int: [2, 4]}
    training.learning_rate: {float: [0.01, 0.2], log: true}
"""
EXTENDING = b"""extends: base.yaml
training:
  optimizer: {name: sgd}
  augmentation: {}
limits: {parameters: 100000}
"""
METRICS = Metrics(1.0, 0.5, 144)
EPOCHS = [EpochRecord(number, 0.1, METRICS, METRICS, 0.5, 1000.0) for number in (1, 2)]
SHAPE = (8, 8, 3)
CLASSES = ("a", "b")


def pixels(*shape: int) -> Any:
    return RNG.integers(0, 256, shape, np.uint8)


def labels(count: int) -> Any:
    return (np.arange(count) % 2).astype(np.uint8)


# Files of images


def images(folder: Path, kinds: str = "png jpg") -> None:
    folder.mkdir(parents=True)
    for kind in kinds.split():
        for number, mode in enumerate(("L", "RGB", "RGBA", "P") if kind == "png" else ("L", "RGB")):
            picture = Image.fromarray(pixels(9, 7, 3)).convert(mode)
            picture.save(folder / f"{number}{kind}.{kind}", quality=80)


def masks(folder: Path) -> None:
    images(folder / "images")
    (folder / "masks").mkdir()
    for image in (folder / "images").iterdir():
        Image.fromarray(labels(63).reshape(9, 7)).save(folder / "masks" / f"{image.stem}.png")


def classes(folder: Path) -> None:
    for part in ("train/a", "train/b", "test/a", "test/b"):
        images(folder / part)


def table(folder: Path) -> None:
    images(folder / "images")
    names = sorted(path.name for path in (folder / "images").iterdir())
    rows = [
        f"images/{name},{'ab'[at % 2]},{'train' if at < 5 else 'test'}\n" for at, name in enumerate(names)
    ]
    (folder / "list.csv").write_text("path,label,part\n" + "".join(rows))


def cifar_binary(folder: Path) -> None:
    folder.mkdir()
    for name in (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"):
        records = [bytes([number]) + pixels(3072).tobytes() for number in range(10)]
        (folder / name).write_bytes(b"".join(records))
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij"))


def cifar_python(folder: Path) -> None:
    folder.mkdir()
    for protocol, name in enumerate((*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")):
        batch = {b"labels": list(range(10)), b"data": pixels(10, 3072), b"filenames": [b"x.png"] * 10}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=min(protocol, 4)))
    meta = {b"label_names": [b"%d" % number for number in range(10)], b"num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))


def cifar_archive(folder: Path) -> None:
    folder.mkdir()
    cifar_python(unpacked := folder / "cifar-10-batches-py")
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(unpacked, unpacked.name)
    shutil.rmtree(unpacked)


def svhn(folder: Path, *, packed: bool) -> None:
    from scipy.io import savemat

    folder.mkdir()
    for part in ("train", "test", "extra"):
        arrays = {"X": pixels(32, 32, 3, 20), "y": (labels(20) + 1).reshape(-1, 1)}
        savemat(folder / f"{part}_32x32.mat", arrays, do_compression=packed)


def idx(folder: Path, *, packed: bool) -> None:
    folder.mkdir()
    for part in ("train", "t10k"):
        for name, array in (("images-idx3", pixels(20, 6, 5)), ("labels-idx1", labels(20))):
            header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
            content = header + array.tobytes()
            path = folder / f"{part}-{name}-ubyte{'.gz' * packed}"
            path.write_bytes(gzip.compress(content, 1) if packed else content)


def npz(folder: Path, *, masked: bool) -> None:
    folder.mkdir()
    arrays: dict[str, Any] = {}
    for part in ("train", "test"):
        arrays[f"x_{part}"] = pixels(20, 6, 5, 3) if masked else pixels(20, 6, 5).astype(np.float32)
        arrays[f"y_{part}"] = labels(600).reshape(20, 6, 5) if masked else labels(20)
    np.savez(folder / "arrays.npz", **arrays)


def source(kind: str, path: str = "", **fields: object) -> Callable[[Path], object]:
    """What reads a source: its facts, then the images themselves."""

    def read(folder: Path) -> None:
        section = Data.model_validate({"source": kind, "path": str(folder / path), **fields})
        facts(section)
        load(section).training.first(4)

    return read


def predicted(folder: Path) -> object:
    return [Files((str(path),), SHAPE, "pad").read() for path in sorted(folder.iterdir())]


# Specs, runs and studies


def specs(folder: Path) -> None:
    folder.mkdir()
    (folder / "base.yaml").write_bytes(SPEC)
    (folder / "spec.yaml").write_bytes(EXTENDING)


def read_spec(folder: Path) -> None:
    experiment = load_spec(str(folder / "spec.yaml")).experiment
    fingerprint(experiment)
    parse(resolved_yaml(experiment).encode(), "again.yaml")


def finished(name: str, origin: Origin | None = None) -> RunRecord:
    record = opening(name, parse(SPEC, "tiny.yaml").experiment, Parameters(100, 10), 1000, origin)
    for epoch in EPOCHS:
        record = with_epoch(record, epoch, 1.0, 2**20)
    return replace(record, state="finished", hardware={"cpu": "x"}, versions={"keras": "3"})


def records(folder: Path, trial: int | None = None) -> RunFolder:
    run, experiment = RunFolder(folder), parse(SPEC, "tiny.yaml").experiment
    folder.mkdir(parents=True)
    run.write(finished(folder.name, None if trial is None else Origin("tiny", trial)))
    run.write_epochs(EPOCHS)
    run.write_spec(SPEC.decode(), resolved_yaml(experiment))
    run.write_start("../other", ("head_classifier",))
    run.write_preprocessing({"offset": [8.0], "scale": [6.0]}, (8, 8, 1), tuple("0123456789"))
    return run


def study(folder: Path) -> None:
    for number in range(3):
        records(folder / f"trial-{number:04d}", number)
    shares = {"network.growth_rate": 0.75, "training.learning_rate": 0.25}
    aims = ("validation", "parameters")
    write_study(folder, StudyRecord("tiny", "ended", aims, "last", {"finished": 3}, 3, importances=shares))


def read_records(folder: Path) -> None:
    run = RunFolder.open(folder)
    shown(scan([folder]).records)
    run.read()
    run.afresh()
    write_epochs_csv(run)


def read_study_folder(folder: Path) -> None:
    found = scan([folder]).records
    shown(found, study_as_it_is(folder, found) if (folder / STUDY).exists() else None)


def shown(records: list[Any], of: StudyRecord | None = None) -> None:
    """A leaderboard in every form."""
    rows = rank_trials(records, of) if of else rank(records)
    console = Console(file=io.StringIO(), width=100)
    console.print(study_board(rows, of) if of else leaderboard(rows, "runs"))
    formats.as_csv(rows), formats.as_markdown(rows), formats.as_json(rows)


# What needs TensorFlow


@cache
def network(plan: Any, name: str = "tiny") -> Any:
    from dnsearch.model.build import build

    return build(plan, name)


@cache
def trainer() -> Any:
    from dnsearch.plan.network import plan_network
    from dnsearch.train.step import build_trainer

    experiment = parse(SPEC, "tiny.yaml").experiment
    return build_trainer(network(plan_network(experiment.network, (8, 8, 1), 10)), experiment.training)


def run(folder: Path) -> None:
    from dnsearch.train.checkpoint import save_checkpoint, save_weights

    made = records(folder)
    for history in (EPOCHS[:1], EPOCHS):
        with made.replacing_checkpoint() as file:
            save_checkpoint(trainer(), to_lines(history), file)
    save_weights(trainer().model, made.weights)


def resumed(folder: Path) -> None:
    from dnsearch.train.checkpoint import restored

    restored(trainer(), RunFolder(folder), lambda notice: None)


def evaluated(folder: Path) -> None:
    from dnsearch.evaluate import trained_run
    from dnsearch.train.checkpoint import load_fitting_weights

    trained_run.build = network  # building takes long, and is not what is tried
    trained_run.trained(RunFolder(folder))
    load_fitting_weights(trainer().model, folder / "weights.npz")


def keras_weights(folder: Path) -> None:
    """As Keras 2 wrote them, and as Keras 3 does."""
    import h5py

    from dnsearch.export.importing import keras_name

    folder.mkdir()
    layers: dict[str, dict[str, Any]] = {}
    for weight in trainer().model.weights:
        layer, _, kind = keras_name(weight.path).partition("/")
        layers.setdefault(layer, {})[kind] = np.asarray(weight)
    with h5py.File(folder / "two.h5", "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, weights in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{kind}:0".encode() for kind in weights]
            for kind, value in weights.items():
                group[f"{layer}/{kind}:0"] = value
    with h5py.File(folder / "three.weights.h5", "w") as file:
        for number, (layer, weights) in enumerate(layers.items()):
            variables = file.create_group(f"layers/layer_{number}/vars")
            variables.attrs["name"] = layer
            for at, value in enumerate(weights.values()):
                variables[str(at)] = value


def imported(folder: Path) -> None:
    from dnsearch.export.importing import import_weights

    for path in sorted(folder.iterdir()):
        import_weights(trainer().model, path)


# What needs Optuna


def searched(folder: Path) -> Any:
    """The search of a study's folder."""
    from dnsearch.search.database import default_url
    from dnsearch.search.feasibility import SearchSpec
    from dnsearch.search.messages import Request

    document = parse(SPEC, "tiny.yaml")
    spec = SearchSpec(document, document.experiment.tune, (8, 8, 1), 10, True)
    return Request(spec, folder, default_url(folder), trials=4, workers=1)


def database(folder: Path) -> None:
    from dnsearch.search.trial_store import writable

    folder.mkdir()
    with writable(searched(folder)) as store:
        for number in range(3):
            trial = store.new()
            store.choice(trial)
            store.start(trial)
            store.note(trial, store.document, {"parameters": 100 + number, "macs": 1000})
            for epoch in EPOCHS[: 2 - number // 2]:
                store.verdict(trial, epoch, 2)
            if number < 2:
                store.close(trial, finished("trial"))
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        connection.execute(f"vacuum into '{folder / 'whole.db'}'")  # without a write-ahead log
    for path in folder.glob("study.db*"):
        path.unlink()
    (folder / "whole.db").rename(folder / "study.db")


def looked_at(folder: Path) -> None:
    from dnsearch.search.database import default_url
    from dnsearch.search.study_metadata import existing_study, read_metadata
    from dnsearch.search.study_summary import looking

    url = default_url(folder)
    shown(*looking(url, folder.name)())
    read_metadata(existing_study(url, folder.name), url)


def searched_on(folder: Path) -> None:
    from dnsearch.search.study_summary import summary
    from dnsearch.search.trial_store import writable

    with writable(searched(folder)) as store:
        store.ended(), store.running(), store.ranked()
        summary(store.study, "searching")


@dataclass(frozen=True)
class Reader:
    """A row: what makes the files, what reads them, which of them are struck, and how often."""

    make: Callable[[Path], object]
    read: Callable[[Path], object]
    struck: str = "**/*"
    share: int = 10


IMAGE = {"image_shape": SHAPE}
READERS = {
    "spec": Reader(specs, read_spec, share=20),
    "run": Reader(records, read_records, "[rse]*.json*", share=20),
    "study": Reader(study, read_study_folder, "**/[rse]*.json*"),
    "cifar10 binary": Reader(cifar_binary, source("cifar10")),
    "cifar10 python": Reader(cifar_python, source("cifar10")),
    "cifar10 archive": Reader(cifar_archive, source("cifar10", verify=False)),
    "svhn": Reader(partial(svhn, packed=False), source("svhn")),
    "svhn, packed": Reader(partial(svhn, packed=True), source("svhn")),
    "idx": Reader(partial(idx, packed=False), source("idx")),
    "idx, packed": Reader(partial(idx, packed=True), source("idx")),
    "npz": Reader(partial(npz, masked=False), source("npz", "arrays.npz")),
    "npz, masks": Reader(partial(npz, masked=True), source("npz", "arrays.npz", classes=2)),
    "folder": Reader(classes, source("folder", **IMAGE)),
    "csv": Reader(table, source("csv", "list.csv", **IMAGE)),
    "masks": Reader(masks, source("masks", **IMAGE, class_names=CLASSES, ignore_label=255)),
    "predict's images": Reader(images, predicted, share=20),
    "checkpoints": Reader(run, resumed, "*checkpoint*.npz"),
    "weights": Reader(run, evaluated, "[wpr]*[!d].[njy]*"),
    "Keras weights": Reader(keras_weights, imported),
    "database": Reader(database, looked_at, "study.db", share=4),
    "database, searched": Reader(database, searched_on, "study.db", share=4),
}
