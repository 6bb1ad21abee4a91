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


def test_too_little_memory_for_tensorflow_is_told(tmp_path):
    (tmp_path / "spec.yaml").write_text(spec())
    found = ran("train spec.yaml", tmp_path, kilobytes=300_000)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert "memory\n  expected enough memory to load libraries and data, found ImportError: " in found.stderr
    assert "Allow more (ulimit -v), or free some" in found.stderr
