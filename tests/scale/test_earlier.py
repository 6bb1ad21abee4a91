"""Studies that take over from others, on a PostgreSQL server; nothing is trained."""

import subprocess
import sys
import time
from dataclasses import asdict

import pytest

from dnsearch.spec.document import parse
from dnsearch.study.book.contest import COSTS
from dnsearch.study.book.leases import LEASE, Lease
from dnsearch.study.book.ledger import DROPPED, Ledger
from dnsearch.study.request import Request, create
from dnsearch.study.sampling.samplers import KNOWLEDGE, PAUSED

# What a search leaves open is closed with its process; these tests make many in one.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

GROWTH, RATE = "network.growth_rate", "training.learning_rate"
POINTS = [(2, 0.05, 0.9), (3, 0.06, 0.8), (4, 0.07, 0.7)]


def book(farm, name: str, text: str) -> Ledger:
    document = parse(text.encode(), "spec.yaml")
    place = farm.folder / "runs" / name
    tune = document.experiment.tune
    return create(Request(document, tune, (8, 8, 1), 10, place, farm.url, 9, workers=1))[1]


def tried(farm, name: str) -> Ledger:
    """The base spec, which waits at a rung, and the points."""
    made = book(farm, name, (farm.folder / "spec.yaml").read_text())
    base = made.new()
    made.choice(base)
    base.set_user_attr(PAUSED, 1)
    for growth, rate, score in POINTS:
        made.study.enqueue_trial({GROWTH: growth, RATE: rate})
        trial = made.new()
        made.choice(trial)
        trial.set_user_attr(COSTS, {"parameters": growth})
        made.study.tell(trial, score)
    return made


def dnsearch(farm, *arguments: str) -> tuple[int, str]:
    program = [sys.executable, "-c", "from dnsearch.cli.main import main; main()", *arguments]
    done = subprocess.run(program, cwd=farm.folder, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


def test_a_sampler_learns_from_another_study_of_the_same_server(farm):
    tried(farm, f"{farm.name}-other")
    for _ in range(2):
        code, said = farm.run("tune", "--create", "--from-study", f"{farm.name}-other")
        assert code == 0, said
        assert f"the sampler learns from 3 finished trials of study {farm.name}-other\n" in said
    made = book(farm, farm.name, (farm.folder / "spec.yaml").read_text())
    known = made.study.user_attrs[KNOWLEDGE]
    assert [(each["params"][GROWTH], each["params"][RATE], *each["values"]) for each in known] == POINTS
    assert "dnsearch@" in known[0]["study"]
    for _ in range(2):
        trial = made.new()
        assert made.choice(trial) is not None
    assert [trial.number for trial in made.study.trials] == [0, 1], "what was learnt is no trial"


def test_a_study_is_brought_to_a_changed_spec(farm):
    before = tried(farm, farm.name).study.trials
    changed = (farm.folder / "spec.yaml").read_text().replace("{int: [2, 4]}", "{int: [3, 6]}")
    (farm.folder / "changed.yaml").write_text(changed)
    command = ["study", "migrate", farm.name, "--to", "changed.yaml", "--storage", farm.url]
    told = (
        f"study {farm.name}: 3 trials kept, 1 dropped{{}}\n"
        f"  trial 1 dropped: {GROWTH}: expected a value of tune.parameters.{GROWTH}, found 2\n"
    )
    assert dnsearch(farm, *command, "--dry-run") == (0, told.format(" (dry run: nothing was changed)"))
    assert [trial.params for trial in farm.trials()] == [trial.params for trial in before]
    code, said = dnsearch(farm, *command)
    assert (code, said.startswith(told.format(""))) == (0, True), said
    made = book(farm, farm.name, changed)
    after = made.study.trials
    assert [trial.state.name for trial in after] == ["RUNNING", "FAIL", "COMPLETE", "COMPLETE"]
    assert DROPPED in after[1].user_attrs
    assert [trial.values for trial in after[2:]] == [trial.values for trial in before[2:]]
    assert [trial.number for trial in made.paused()] == [0]
    assert made.new().number == 4
    assert dnsearch(farm, *command)[0] == 0, "again it changes nothing"


def test_a_trial_that_another_machine_is_at_work_on_is_waited_for(farm):
    made = tried(farm, farm.name)
    trial = made.new()
    trial.set_user_attr(LEASE, asdict(Lease("elsewhere", 1, 0.0, time.time())))
    command = ["study", "migrate", farm.name, "--to", "spec.yaml", "--storage", farm.url]
    code, said = dnsearch(farm, *command)
    assert code == 6
    assert "expected nobody at work on it, found trials at work: 4" in said
