"""The code of docs/python.md and of the notebook runs, and leaves the process as it was."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEFORE = """
import os, random
import numpy as np
before = dict(os.environ), random.getstate(), np.random.get_state()[1].tolist()
"""
AFTER = """
import keras
assert keras.config.dtype_policy().name == "float32"
assert random.getstate() == before[1], "Python's generator"
assert np.random.get_state()[1].tolist() == before[2], "NumPy's generator"
changed = {name for name in {*os.environ, *before[0]} if os.environ.get(name) != before[0].get(name)}
from dnsearch.environment import ENVIRONMENT
assert not changed & ENVIRONMENT.keys(), changed
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
    program.write_text(BEFORE + code() + AFTER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
