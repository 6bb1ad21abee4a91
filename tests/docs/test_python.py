"""The code of docs/python.md and of the notebook runs, and leaves the process as it was."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WATCHED = """
import functools, os, random, sys
import numpy as np
import dnsearch
from dnsearch.environment import ENVIRONMENT

def state():
    keras = sys.modules.get("keras")
    policy = keras.config.dtype_policy().name if keras else "float32"
    numbers = random.getstate(), np.random.get_state()[1].tolist()
    return policy, numbers, {name: os.environ.get(name) for name in ENVIRONMENT}

def watched(function):
    @functools.wraps(function)
    def call(*arguments, **options):
        before = state()
        result = function(*arguments, **options)
        assert state() == before, f"{function.__name__} changed the process"
        return result
    return call

for name in ("load", "plan", "cost", "build", "train", "evaluate", "search"):
    setattr(dnsearch, name, watched(getattr(dnsearch, name)))
"""


def page() -> str:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))


def notebook() -> str:
    cells = json.loads((ROOT / "experiments" / "python.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("code", [page, pytest.param(notebook, marks=pytest.mark.slow)])
def test_the_code_runs_and_changes_nothing_of_the_process(code, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(WATCHED + code(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
