"""The tutorial runs: its spec and its commands, with generated photos and a short search."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")


def photos(folder: Path) -> None:
    """Ten photos of each of two kinds, which differ in their colour."""
    rng = np.random.default_rng(0)
    for kind, brightness in (("daisy", 200), ("rose", 60)):
        (folder / kind).mkdir(parents=True)
        for number in range(1, 11):
            pixels = rng.integers(brightness - 50, brightness + 50, (40, 48, 3)).astype("uint8")
            Image.fromarray(pixels).save(folder / kind / f"{number}.jpg")


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path):
    photos(tmp_path / "flowers")
    (spec,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    (tmp_path / "flowers.yaml").write_text(spec, encoding="utf-8")
    commands = "".join(re.findall(r"```console\n(.*?)```", PAGE, re.S)).replace("--trials 30", "--trials 2")
    program = Path(sys.executable).with_name("dnsearch")
    for line in re.findall(r"^\$ dnsearch (.*)$", commands, re.M):
        done = subprocess.run(
            [program, *line.split()], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert "rose" in done.stdout
