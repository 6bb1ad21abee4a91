"""What a run folder keeps of where its first weights came from."""

import json

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.folder import RunFolder


def test_a_run_with_fresh_weights_has_no_such_file(tmp_path):
    folder = RunFolder.create(tmp_path, "run")
    assert not folder.start.exists()
    assert folder.afresh() == ()


@pytest.mark.parametrize(
    "layers", [(), ("head_classifier",), ("block1_layer1_growth_conv", "head_classifier")]
)
def test_the_layers_come_back(tmp_path, layers):
    folder = RunFolder.create(tmp_path, "run")
    folder.write_start("runs/densenet-121", layers)
    assert folder.afresh() == layers
    assert json.loads(folder.start.read_bytes())["start_from"] == "runs/densenet-121"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"afresh": 3}', b"\xff", b'{"afresh": ["x"', b"[" * 9999]
)
def test_a_damaged_file(tmp_path, content):
    folder = RunFolder.create(tmp_path, "run")
    folder.start.write_bytes(content)
    with pytest.raises(RunError) as caught:
        folder.afresh()
    assert str(caught.value).startswith(f"{folder.start}\n  expected the names of layers, afresh, found ")


def test_a_place_that_cannot_be_written(unprivileged):
    with pytest.raises(RunError, match=r"start\.json"):
        RunFolder(unprivileged / "run").write_start("runs/a", ())
