"""No test's id depends on time, hash seed, locale, terminal or cores: two collections are equal."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
ONE = {"PYTHONHASHSEED": "1", "LC_ALL": "C", "COLUMNS": "40", "TZ": "UTC"}
OTHER = {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "COLUMNS": "200", "TZ": "Asia/Tokyo"}


def collecting(environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", str(ROOT)]
    variables = {**os.environ, **environment}
    return subprocess.Popen(command, cwd=ROOT, env=variables, text=True, stdout=subprocess.PIPE)


def test_the_tests_are_the_same_whenever_they_are_collected() -> None:
    one = collecting(ONE)
    time.sleep(1.1)  # past a change of the second, which time stamps count
    other = collecting(OTHER)
    tests = [
        [line for line in process.communicate(timeout=600)[0].splitlines() if "::" in line]
        for process in (one, other)
    ]
    assert len(tests[0]) > 1_000
    assert tests[0] == tests[1]
