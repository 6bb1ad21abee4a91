"""Every kind of file that dnsearch reads: good ones, and what reads them. One row is one reader."""

import gzip
import io
import pickle
import sqlite3
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import small_study
from PIL import Image
from rich.console import Console
from scipy.io import savemat

from dnsearch.data.image_files import Files
from dnsearch.data.sources import load
from dnsearch.evaluate import trained_run
from dnsearch.export.importing import import_weights, keras_name
from dnsearch.front_door import facts
from dnsearch.model.build import build
from dnsearch.plan.network import plan_network
from dnsearch.report import formats
from dnsearch.report.leaderboard import leaderboard, study_board
from dnsearch.report.ranking import rank, rank_trials
from dnsearch.runs import record as runs
from dnsearch.runs.folder import STUDY, RunFolder, write_epochs_csv, write_study
from dnsearch.runs.record_json import to_lines
from dnsearch.runs.scan import scan, study_as_it_is
from dnsearch.search.database import default_url
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import Request
from dnsearch.search.study_metadata import existing_study, read_metadata
from dnsearch.search.study_summary import looking, summary
from dnsearch.search.trial_store import writable
from dnsearch.spec import document
from dnsearch.spec.data_section import Data
from dnsearch.train.checkpoint import load_fitting_weights, restored, save_checkpoint, save_weights
from dnsearch.train.state import start_afresh
from dnsearch.train.step import build_trainer


def saved(write, *arguments, **options):
    write(stream := io.BytesIO(), *arguments, **options)
    return stream.getvalue()


def write(files, folder):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def pixels(*shape):
    return np.random.default_rng(shape).integers(0, 256, shape, np.uint8)


LABELS = (np.arange(20) % 2).astype(np.uint8)
RGB = Image.fromarray(pixels(9, 7, 3))
PNG = {f"{kind}.png": saved(RGB.convert(kind).save, "png") for kind in ("L", "RGB", "RGBA", "P")}
JPEG = {f"{kind}.jpg": saved(RGB.convert(kind).save, "jpeg", quality=80) for kind in ("L", "RGB")}
IMAGES = PNG | {f"{kind}_{name}": content for kind, (name, content) in enumerate(JPEG.items())}
PLACES = ("train/a", "train/b", "test/a", "test/b")
CLASSES = {f"{place}/{name}": content for place in PLACES for name, content in IMAGES.items()}
MASK = saved(Image.fromarray(pixels(9, 7) % 2).save, "png")
MASKS = {f"images/{name}": content for name, content in JPEG.items()}
MASKS |= {f"masks/{name[:-4]}.png": MASK for name in JPEG}
ROWS = [f"{name},{'ab'[at % 2]},{'train' if at < 4 else 'test'}" for at, name in enumerate(IMAGES)]
TABLE = IMAGES | {"list.csv": "\n".join(["path,label,part", *ROWS]).encode()}
PARTS = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
RECORDS = b"".join(bytes([label]) + pixels(3072).tobytes() for label in range(10))
BINARY = {f"{part}.bin": RECORDS for part in PARTS} | {"batches.meta.txt": b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj"}
BATCH = {b"labels": list(range(10)), b"data": pixels(10, 3072), b"filenames": [b"x.png"] * 10}
PICKLES = {part: pickle.dumps(BATCH, min(protocol, 4)) for protocol, part in enumerate(PARTS)}
PICKLES["batches.meta"] = pickle.dumps({b"label_names": [b"%d" % number for number in range(10)]}, 2)
with tarfile.open(fileobj=(tar := io.BytesIO()), mode="w") as archive:
    for name, content in PICKLES.items():
        member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
ARCHIVE = {"cifar-10-python.tar.gz": gzip.compress(tar.getvalue(), 1, mtime=0)}
SPEC = small_study.SPEC.replace("pruner:", "objectives: [validation, parameters]\n  pruner:")
EXTENDING = b"extends: base.yaml\ntraining: {optimizer: {name: sgd}}\nlimits: {parameters: 100000}\n"
NUMBERS = {"X": pixels(32, 32, 3, 20), "y": LABELS.reshape(-1, 1) + 1}
MAT = {packed: saved(savemat, NUMBERS, do_compression=packed) for packed in (True, False)}
SVHN = {"train_32x32.mat": MAT[True], "extra_32x32.mat": MAT[False], "test_32x32.mat": MAT[False]}
IDX = {}
for array, name in ((pixels(20, 6, 5), "images-idx3-ubyte"), (LABELS, "labels-idx1-ubyte")):
    content = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
    IDX |= {f"train-{name}": content, f"t10k-{name}": content}
PACKED = {f"{name}.gz": gzip.compress(content, 1, mtime=0) for name, content in IDX.items()}


def npz(x, y):
    return {"arrays.npz": saved(np.savez, x_train=x, y_train=y, x_test=x, y_test=y)}


def source(kind, path="", **fields):
    def read(folder):
        section = Data.model_validate({"source": kind, "path": str(folder / path), **fields})
        facts(section)
        load(section).training.first(4)

    return read


DOCUMENT = document.parse(SPEC.encode(), "tiny.yaml")
METRICS = runs.Metrics(1.0, 0.5, 144)
EPOCHS = [runs.EpochRecord(number, 0.1, METRICS, METRICS, 0.5, 1000.0) for number in (1, 2)]


def read_spec(folder):
    experiment = document.load(str(folder / "spec.yaml")).experiment
    document.fingerprint(experiment)
    document.parse(document.resolved_yaml(experiment).encode(), "again.yaml")


def finished(name, origin=None):
    record = runs.opening(name, DOCUMENT.experiment, runs.Parameters(100, 10), 1000, origin)
    record = replace(record, started_at="2026-01-01T00:00:00+00:00")
    return replace(
        runs.with_epoch(record, EPOCHS[1], 1.0, 2**20),
        state="finished",
        hardware={"cpu": "x"},
        versions={"keras": "3"},
    )


def records(folder, trial=None):
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    run.write(finished(folder.name, None if trial is None else runs.Origin("tiny", trial)))
    run.write_epochs(EPOCHS)
    run.write_spec(SPEC, document.resolved_yaml(DOCUMENT.experiment))
    run.write_start("../other", ("head_classifier",))
    run.write_preprocessing({"offset": [8.0], "scale": [6.0]}, (8, 8, 1), tuple("0123456789"))
    return run


def study(folder):
    for number in range(2):
        records(folder / f"trial-{number:04d}", number)
    shares = {"network.growth_rate": 0.75, "training.learning_rate": 0.25}
    aims, states = ("validation", "parameters"), {"finished": 2}
    write_study(folder, runs.StudyRecord("tiny", "ended", aims, "last", states, 2, importances=shares))


def read_study_folder(folder):
    found = scan([folder]).records
    shown(found, study_as_it_is(folder, found) if (folder / STUDY).exists() else None)
    run = RunFolder.open(folder / "trial-0000")
    shown(scan([run.path]).records)
    run.read()
    run.afresh()
    write_epochs_csv(run)


def shown(found, of=None):
    rows = rank_trials(found, of) if of else rank(found)
    board = study_board(rows, of) if of else leaderboard(rows, "runs")
    Console(file=io.StringIO(), width=100).print(board)
    formats.as_csv(rows), formats.as_markdown(rows), formats.as_json(rows)


trained_run.build = built = cache(build)  # building takes long, and is not what is tried


@cache
def trainer():
    start_afresh(0)
    plan = plan_network(DOCUMENT.experiment.network, (8, 8, 1), 10)
    return build_trainer(built(plan, "tiny"), DOCUMENT.experiment.training)


def run(folder):
    made = records(folder)
    for history in (EPOCHS[:1], EPOCHS):
        with made.replacing_checkpoint() as file:
            save_checkpoint(trainer(), to_lines(history), file)
    save_weights(trainer().model, made.weights)


def keras_weights(folder):
    folder.mkdir()
    layers = {}
    for weight in trainer().model.weights:
        layer, _, kind = keras_name(weight.path).partition("/")
        layers.setdefault(layer, {})[kind] = np.asarray(weight)
    with h5py.File(folder / "two.h5", "w") as two, h5py.File(folder / "three.weights.h5", "w") as three:
        two.attrs["layer_names"] = [layer.encode() for layer in layers]
        for number, (layer, weights) in enumerate(layers.items()):
            group, numbered = two.create_group(layer), three.create_group(f"layers/layer_{number}/vars")
            group.attrs["weight_names"] = [f"{layer}/{kind}:0".encode() for kind in weights]
            numbered.attrs["name"] = layer
            for at, (kind, value) in enumerate(weights.items()):
                group[f"{layer}/{kind}:0"] = numbered[str(at)] = value


def each(read):
    return lambda folder: [read(path) for path in sorted(folder.iterdir())]


def searched(folder):
    spec = SearchSpec(DOCUMENT, DOCUMENT.experiment.tune, (8, 8, 1), 10, True)
    return Request(spec, folder, default_url(folder), trials=4, workers=1)


def database(folder):
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


def looked_at(folder):
    url = default_url(folder)
    shown(*looking(url, folder.name)())
    read_metadata(existing_study(url, folder.name), url)


def searched_on(folder):
    with writable(searched(folder)) as store:
        store.ended(), store.running(), store.ranked()
        summary(store.study, "searching")


class Reader(NamedTuple):
    """A row: the files or what makes them, what reads them, which of them are struck, and how often."""

    made: Mapping[str, bytes] | Callable[[Path], object]
    read: Callable[[Path], object]
    struck: str = "**/*"
    share: int = 10


NPZ = "weights.npz"
MAPS = pixels(20, 6, 5) % 2
SHAPE = {"image_shape": (8, 8, 3)}
READERS = {
    "spec": Reader({"base.yaml": SPEC.encode(), "spec.yaml": EXTENDING}, read_spec, share=20),
    "study": Reader(study, read_study_folder, "**/[rse]*.json*", share=30),
    "cifar10 binary": Reader(BINARY, source("cifar10")),
    "cifar10 python": Reader(PICKLES, source("cifar10")),
    "cifar10 archive": Reader(ARCHIVE, source("cifar10", verify=False)),
    "svhn": Reader(SVHN, source("svhn")),
    "idx": Reader(IDX, source("idx")),
    "idx, packed": Reader(PACKED, source("idx")),
    "npz": Reader(npz(pixels(20, 6, 5).astype("f"), LABELS), source("npz", "arrays.npz")),
    "npz, masks": Reader(npz(pixels(20, 6, 5, 3), MAPS), source("npz", "arrays.npz", classes=2)),
    "folder": Reader(CLASSES, source("folder", **SHAPE)),
    "csv": Reader(TABLE, source("csv", "list.csv", **SHAPE)),
    "masks": Reader(MASKS, source("masks", **SHAPE, class_names=("a", "b"), ignore_label=255)),
    "predict's images": Reader(IMAGES, each(lambda path: Files((str(path),), (8, 8, 3), "pad").read())),
    "checkpoints": Reader(
        run, lambda run: restored(trainer(), RunFolder(run), str, "last"), "*checkpoint*.npz"
    ),
    "weights": Reader(run, lambda run: trained_run.trained(RunFolder(run)), "[wpr]*[!d].[njy]*"),
    "start's weights": Reader(run, lambda run: load_fitting_weights(trainer().model, run / NPZ), NPZ),
    "Keras weights": Reader(keras_weights, each(lambda path: import_weights(trainer().model, path))),
    "database": Reader(database, looked_at, "study.db", share=4),
    "database, searched": Reader(database, searched_on, "study.db", share=4),
}
