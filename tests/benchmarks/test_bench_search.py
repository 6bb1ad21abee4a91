"""What ``make bench-search`` says where something that it needs is missing."""

import importlib.util
import sys

import bench_search
import pytest


@pytest.fixture
def fashion(tmp_path):
    """A folder of Fashion-MNIST's names."""
    for name in (bench_search.IMAGES, bench_search.LABELS):
        (tmp_path / name).touch()
    return tmp_path


def without(monkeypatch, *libraries):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in libraries else found("json")
    )


def test_nothing_is_missing(fashion, monkeypatch):
    without(monkeypatch)
    assert bench_search.missing(fashion) == ""


@pytest.mark.parametrize("libraries", [["keras_tuner"], ["tensorboard"], ["keras_tuner", "tensorboard"]])
def test_a_library_that_is_missing_is_named_before_anything_runs(fashion, monkeypatch, libraries):
    without(monkeypatch, *libraries)
    monkeypatch.setattr(bench_search, "measured", lambda job: pytest.fail("something ran"))
    monkeypatch.setattr(sys, "argv", ["bench_search.py", "--fashion", str(fashion)])
    with pytest.raises(SystemExit) as caught:
        bench_search.main()
    names = ", ".join(libraries)
    assert str(caught.value) == (f"not installed: {names}\n  pip install '.[bench-search]'\nNothing was run.")


def test_files_that_are_missing_are_named(fashion, monkeypatch):
    without(monkeypatch, "tensorboard")
    (fashion / bench_search.LABELS).unlink()
    assert bench_search.missing(fashion).splitlines()[2:] == [
        f"no such file: {fashion / bench_search.LABELS}",
        "  --fashion names the folder of Fashion-MNIST's files",
    ]
