"""A study of machines that share no folder: each has its own, and all reach the artifact store."""

import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dnsearch.runs.folder import RunFolder
from dnsearch.study.request import Request, joined
from dnsearch.study.search import search
from dnsearch.study.work.messages import SearchEvent, TrialEnded, TrialPaused, TrialStarted

pytestmark = pytest.mark.xdist_group("tune")

POOR = 1e-7


@dataclass(frozen=True)
class Apart:
    """Two machines, and what the second one did after the first one had been stopped."""

    runs: Any  # conftest's Searching, which is the first machine
    second: Path
    request: Request
    events: list[SearchEvent]


@pytest.fixture(scope="module")
def apart(searching, tmp_path_factory) -> Apart:
    """The first machine ends the base spec and lets a poor trial wait; the second has an old copy of that."""
    values = {"training.epochs": 5, "training.batch_size": 20}
    rates = {"training.learning_rate": {"float": [POOR, 0.2], "log": True}}
    confirm = {"top": 1, "seeds": 1}
    runs = searching(values, pruner="halving", parameters=rates, confirm=confirm)
    place = tmp_path_factory.mktemp("apart")
    request = replace(runs.request(2), artifacts=str(place / "store"))
    with closing(search(request, lambda: 0)) as going:
        next(event for event in going if isinstance(event, TrialStarted))
        runs.enqueue(training__learning_rate=2 * POOR)
        next(event for event in going if isinstance(event, TrialPaused))
    second = place / "elsewhere" / "small"
    old = RunFolder(second / "trial-0001")
    shutil.copytree(runs.trial(1).path, old.path)
    for file in (old.checkpoint, old.previous_checkpoint, old.weights):
        file.unlink(missing_ok=True)
    old.write_epochs([])
    old.write(replace(old.read(), state="running", epochs=0, last=None, best=None, best_epoch=None))
    elsewhere = replace(request, folder=second)
    return Apart(runs, second, elsewhere, list(search(elsewhere, lambda: 0)))


def test_an_older_copy_of_a_trial_is_refreshed_before_it_ends(apart):
    ended = next(event.record for event in apart.events if isinstance(event, TrialEnded))
    assert (ended.trial, ended.state, ended.epochs) == (1, "pruned", 2)
    here = RunFolder(apart.second / "trial-0001")
    assert here.read().reason == "did not go on after epoch 2"
    assert here.epochs() == apart.runs.trial(1).epochs()


def test_the_best_trial_comes_home_to_be_confirmed(apart):
    started = [event.job.folder.name for event in apart.events if isinstance(event, TrialStarted)]
    assert started == ["trial-0000-seed-1"], "the trial itself is not trained again"
    again = RunFolder(apart.second / "confirm" / "trial-0000-seed-1").read()
    assert (again.state, again.confirmation) == ("finished", True)
    assert again.test is not None
    there, here = (RunFolder(folder / "trial-0000").read() for folder in (apart.runs.folder, apart.second))
    assert here.last == there.last
    assert "trial-0000" in (apart.second / "best.yaml").read_text()


def test_a_worker_leaves_the_confirmation_to_tune(apart):
    request = joined(apart.request.url, "small", apart.second.parent)
    assert request.artifacts is not None
    assert request.tune.confirm is None
    assert list(search(apart.request, lambda: 0)) == [], "nor is it done twice"
