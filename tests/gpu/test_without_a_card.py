"""On a machine without a graphics card, a check of one fails and says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dnsearch import environment

pytestmark = pytest.mark.slow

CHECKS = Path(__file__).with_name("test_on_a_card.py")


def test_a_check_without_a_card_fails(tensorflow_ready):
    if environment.gpus():
        pytest.skip("this machine has one")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(CHECKS)],
        cwd=CHECKS.parents[2],
        env={**os.environ, "DNSEARCH_GPU": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "no GPU found: TensorFlow sees processors only, so nothing was checked" in done.stdout
