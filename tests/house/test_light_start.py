"""What a person waits for first must start without the heavy libraries."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"tensorflow", "keras", "optuna", "sklearn"}

# The command runs in its own interpreter, as a person's does; what it loaded is written where its own output
# cannot get between.
CHILD = """
import json, sys
from pathlib import Path
from dnsearch.cli.main import main

report, sys.argv = Path(sys.argv[1]), ["dnsearch", *sys.argv[2:]]
try:
    main()
    code = 0
except SystemExit as leaving:
    code = leaving.code or 0
report.write_text(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


STUDY = """{
  "name": "small", "state": "ended", "objectives": ["validation"], "select": "last", "trials": {},
  "proposals": 0, "infeasible": {}, "infeasible_proposals": 0, "epochs_trained": 0, "epochs_saved": 0,
  "importances": {}, "importances_missing": "", "front": []
}"""


def started(arguments: list[str], folder: Path) -> tuple[int, set[str], str]:
    """Exit code, loaded top-level modules and everything said."""
    report = folder / "report.json"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, str(report), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert report.exists(), ran.stderr
    told = json.loads(report.read_text())
    return told["code"], {name.partition(".")[0] for name in told["modules"]}, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        (["--help"], {0}),
        (["check", "article"], {0}),
        (["inspect", "article"], {0}),
        (["leaderboard", "small"], {0}),
        (["space", "speculations", "--samples", "50"], {0}),
        (["leaderboard"], {0, 4}),  # 4: there are no runs here to rank, which is not the question
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_starts_light(arguments: list[str], codes: set[int], tmp_path: Path) -> None:
    study = tmp_path / "runs" / "small" / "study.json"
    study.parent.mkdir(parents=True)
    study.write_text(STUDY)
    code, modules, said = started(arguments, tmp_path)
    assert code in codes, said
    assert said.strip(), "the command said nothing, so it may not have run"
    heavy = HEAVY | {"numpy", "PIL"} if arguments[0] in {"check", "inspect"} else HEAVY
    assert not heavy & modules


def test_the_child_would_notice_a_heavy_library(tmp_path: Path) -> None:
    heavy = CHILD.replace("import json, sys", "import json, sys, sklearn")
    report = tmp_path / "report.json"
    ran = subprocess.run(
        [sys.executable, "-c", heavy, str(report), "--help"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert report.exists(), ran.stderr
    assert "sklearn" in json.loads(report.read_text())["modules"]
