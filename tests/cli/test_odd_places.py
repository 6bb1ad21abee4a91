"""Where there is no home, no encoding, no folder to write to or too little memory: a result or a message."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from small_study import spec

ROOT = Path(__file__).parents[2]
NO_ENCODING = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


def ran(words, place, kilobytes=None):
    """The program in a process of its own, without a home; it may use so much memory."""

    def limited():
        if kilobytes:
            resource.setrlimit(resource.RLIMIT_AS, (1024 * kilobytes, 1024 * kilobytes))

    environment = {key: value for key, value in os.environ.items() if key not in {"HOME", "USER", "LOGNAME"}}
    return subprocess.run(
        [sys.executable, "-c", "from dnsearch.cli.main import main; main()", *words.split()],
        cwd=place,
        env=environment | NO_ENCODING | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        preexec_fn=limited,
    )


COMMANDS = [
    ("--help", 0),
    ("check {spec}", 0),
    ("inspect {spec}", 0),
    ("presets", 0),
    ("schema", 0),
    ("leaderboard", 4),
    ("init", 2),
    ("train {spec}", 4),
]


@pytest.mark.parametrize(("words", "code"), COMMANDS)
def test_a_folder_that_cannot_be_written_to(tmp_path, words, code):
    """``/proc`` refuses root as well."""
    file = tmp_path / "Straße" / "spec.yaml"
    file.parent.mkdir()
    file.write_text(spec())
    found = ran(words.format(spec=file), "/proc")
    assert found.returncode == code, found.stderr
    assert "Traceback" not in found.stderr
    assert (found.stdout + found.stderr).isascii()
    assert code or "expected" not in found.stderr


@pytest.mark.parametrize("command", ["train spec.yaml", "tune spec.yaml --trials 1"])
def test_too_little_memory_for_tensorflow_is_told(tmp_path, command):
    """It would abort, without a word of ours."""
    (tmp_path / "spec.yaml").write_text(spec())
    found = ran(command, tmp_path, kilobytes=1_800_000)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert "memory\n  expected at least " in found.stderr
    assert " GB of address space for TensorFlow, found 1.8 GB\n  Allow more " in found.stderr
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize("error", [ImportError("no room"), MemoryError(), SystemError("null")])
def test_too_little_memory_for_a_library_is_told(dnsearch, monkeypatch, error):
    def load(*_, **__):
        raise error

    monkeypatch.setattr("dnsearch.front_door.planned_spec", load)
    found = dnsearch("train", "spec.yaml")
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    assert found.code == 1
    assert f"memory\n  expected enough memory to load libraries and data, found {said}\n" in found.err
    assert "Allow more (ulimit -v), or free some" in found.err
