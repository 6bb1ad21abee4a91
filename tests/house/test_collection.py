"""No test's id depends on time, hash seed, locale, terminal or cores: another collection is like this one."""

import os
import subprocess
import sys
import time

import pytest

OTHER = {"LC_ALL": "C.UTF-8", "COLUMNS": "47", "TZ": "Asia/Tokyo"}


def plain_id(item: pytest.Item) -> str:
    """A test's id without the name of its group, which pytest-xdist appends."""
    groups = dict.fromkeys(mark.args[0] for mark in item.iter_markers("xdist_group"))
    return item.nodeid.removesuffix(f"@{'_'.join(groups)}")


def test_the_tests_are_the_same_whenever_they_are_collected(request: pytest.FixtureRequest) -> None:
    time.sleep(1.1)  # past a change of the second, which time stamps count
    seed = "2" if os.environ.get("PYTHONHASHSEED") != "2" else "3"
    options = request.config.option
    command = [sys.executable, "-m", "pytest", "--collect-only", "--assert=plain", "-p", "no:cacheprovider"]
    command += ["-m", options.markexpr, "-k", options.keyword, *request.config.args]
    ended = subprocess.run(
        command,
        cwd=request.config.invocation_params.dir,
        env={**os.environ, **OTHER, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    other = [line for line in ended.stdout.splitlines() if "::" in line]
    assert other == [plain_id(item) for item in request.session.items], ended.stderr
