"""Exports of a trained run: what is written, how it is checked, and what is never left behind."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnsearch.data.sources import load
from dnsearch.errors import DataError, RunError
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.spec.document import parse

SPEC = """\
version: 1
name: digits
network: {growth_rate: 4, layers_per_block: [1, 1], dropout: 0.1}
data: {source: digits, training_examples: 400}
training: {epochs: 1, batch_size: 32, learning_rate: 0.1}
"""
FILES = {
    "savedmodel": "saved_model.pb",
    "litert": "model.tflite",
    "onnx": "model.onnx",
    "keras-weights": "model.weights.h5",
}
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.xdist_group("exporting"),  # the run is made once
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't:DeprecationWarning"
    ),  # Keras as it saves
]


@pytest.fixture(scope="module")
def digits(tensorflow_ready, tmp_path_factory):
    """A trained run, in ``runs`` below its folder."""
    from dnsearch.train.run import run

    folder = RunFolder.create(tmp_path_factory.mktemp("work") / "runs", "digits")
    run(planned_spec(parse(SPEC.encode(), "spec.yaml")), folder, lambda event: None)
    return folder


@pytest.fixture
def onnx(tensorflow_ready):
    """The format that is the quickest."""
    from dnsearch.export.exporting import Format
    from dnsearch.export.onnx import write_onnx

    return Format("onnx", write_onnx)


def checked_export(digits, kind):
    from dnsearch.cli.export_commands import format_of
    from dnsearch.evaluate.trained_run import trained
    from dnsearch.export.exporting import TOLERANCE, export_run

    out = digits.path / "export" / kind
    exported = export_run(digits, format_of(kind), out, force=True)
    assert 0 <= exported.difference <= TOLERANCE == 1e-4
    assert (exported.path, exported.format, exported.images) == (out, kind, 64)
    assert (out / FILES[kind]).stat().st_size < exported.size_bytes
    about = json.loads((out / "about.json").read_text(encoding="utf-8"))
    assert about["input"] == {
        "name": "images",
        "shape": ["batch", 8, 8, 1],
        "type": "uint8",
        "range": [0, 16],
    }
    assert [each["name"] for each in about["outputs"]] == ["logits", "probabilities"]
    assert about["class_names"] == [*"0123456789"]
    assert about["scaling_inside"] == trained(digits).scaling.as_json()
    assert about["check"] == {"images": 64, "difference": exported.difference, "tolerance": 1e-4}
    assert [each.name for each in out.parent.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind != "onnx")) for kind in FILES]
)
def test_each_runtime_agrees_in_a_process_without_dnsearch(digits, kind):
    checked_export(digits, kind)


def test_every_format_agrees_and_the_document_s_programs_run(digits, monkeypatch):
    """In this process, since each of the others would import TensorFlow once more."""
    from dnsearch import processes
    from dnsearch.export import outside

    def run_script(script, kind, folder, samples, results):
        assert script == Path(outside.__file__)
        np.savez(results, **outside.outputs(kind, str(folder), np.load(samples)))
        return ""

    monkeypatch.setattr(processes, "run_script", run_script)
    for kind in FILES:
        checked_export(digits, kind)
    monkeypatch.chdir(digits.path.parents[1])
    programs = re.findall(r"```python\n(.*?)```", (ROOT / "docs/export.md").read_text(encoding="utf-8"), re.S)
    assert len(programs) == len(FILES)
    found = []
    for program in programs:
        names = {}
        exec(program, names)
        found.append(names["probabilities"])
    for probabilities in found:
        assert probabilities.shape == (3, 10)
        np.testing.assert_allclose(probabilities, found[0], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda network: {"offset": tuple(each + 0.05 for each in network.offset)}, r"0\.\d+"),
        (lambda network: {"scale": (float("nan"),)}, "nan"),
    ],
)
def test_what_does_not_agree_is_not_kept(digits, onnx, tmp_path, change, found):
    from dnsearch.export.exporting import export_run
    from dnsearch.export.onnx import write_onnx

    def other(network, folder):
        write_onnx(replace(network, **change(network)), folder)

    with pytest.raises(RunError) as caught:
        export_run(digits, replace(onnx, write=other), tmp_path / "out", force=False)
    assert re.fullmatch(
        r"export\n  expected the run's outputs to 0.0001 from onnx's own runtime, "
        rf"found a difference of {found}\n  Nothing was kept.",
        str(caught.value),
    )
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_not_kept(digits, onnx, tmp_path):
    from dnsearch.export.exporting import export_run

    def broken(_, folder):
        (folder / "model.onnx").write_bytes(b"no graph")

    with pytest.raises(RunError) as caught:
        export_run(digits, replace(onnx, write=broken), tmp_path / "out", force=False)
    assert str(caught.value).startswith("export\n  expected files that onnx's own runtime can read, found ")
    assert "model.onnx" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_replaced_by_force_alone_and_stays_where_the_new_one_fails(
    digits, onnx, tmp_path
):
    from dnsearch.export.exporting import export_run

    out = tmp_path / "deep" / "out"
    export_run(digits, onnx, out, force=False)
    (out / "old").write_text("", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        export_run(digits, onnx, out, force=False)
    assert str(caught.value) == (
        f"{out}\n  expected a new folder, found an earlier export\n  Replace it with --force."
    )
    with pytest.raises(RunError):
        export_run(digits, replace(onnx, write=lambda *_: None), out, force=True)
    assert sorted(each.name for each in out.iterdir()) == ["about.json", "model.onnx", "old"]
    export_run(digits, onnx, out, force=True)
    assert sorted(each.name for each in out.iterdir()) == ["about.json", "model.onnx"]
    assert [each.name for each in out.parent.iterdir()] == ["out"]


def test_other_folders_are_never_replaced(digits, onnx, tmp_path):
    from dnsearch.export.exporting import export_run

    (tmp_path / "precious").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match=r"found something else\n  Choose another --out"):
        export_run(digits, onnx, tmp_path, force=True)
    assert (tmp_path / "precious").exists()


def test_a_place_that_cannot_be_written_to(digits, onnx, tmp_path):
    from dnsearch.export.exporting import export_run

    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="out\n  cannot be written: File exists"):
        export_run(digits, onnx, tmp_path / "file" / "out", force=False)


def test_a_run_without_its_data(digits, onnx, tmp_path):
    from dnsearch.export.exporting import export_run

    folder = RunFolder(tmp_path / "moved")
    shutil.copytree(digits.path, folder.path, ignore=shutil.ignore_patterns("export"))
    text = folder.resolved.read_text(encoding="utf-8").replace("source: digits", "source: npz")
    folder.resolved.write_text(text.replace("path: null", "path: gone.npz"), encoding="utf-8")
    with pytest.raises(DataError, match=r"gone\.npz"):
        export_run(folder, onnx, tmp_path / "out", force=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_float_pixels_stay_floats(tensorflow_ready, onnx, tmp_path):
    from dnsearch.export.exporting import export_run
    from dnsearch.train.run import run

    dataset = load(parse(SPEC.encode(), "spec.yaml").experiment.data)
    images = dataset.training.images.astype(np.float32) / 16
    np.savez(tmp_path / "floats.npz", x_train=images, y_train=dataset.training.labels)
    spec = SPEC.replace(
        "{source: digits, training_examples: 400}", f"{{source: npz, path: {tmp_path}/floats.npz}}"
    )
    folder = RunFolder.create(tmp_path, "floats")
    run(planned_spec(parse(spec.encode(), "spec.yaml")), folder, lambda event: None)
    export_run(folder, onnx, tmp_path / "out", force=False)
    about = json.loads((tmp_path / "out" / "about.json").read_text(encoding="utf-8"))
    assert (about["input"]["type"], about["input"]["range"]) == ("float32", None)
