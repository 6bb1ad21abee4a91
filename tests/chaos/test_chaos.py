"""One disaster after another strikes a search, and whatever dies, nothing is lost and nothing is done twice.

A round is a sitting of ``dnsearch tune`` to which something happens at a random moment. After it the book and
the folders must agree; at the end the study must have exactly the trials that were asked for. The random
numbers are seeded, though not how far the processes have come: ``make test-chaos`` strikes many studies.
"""

import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field

import pytest
from optuna.trial import TrialState
from small_study import wait_until

from dnsearch.runs.folder import RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chaos")]

STUDIES = int(os.environ.get("DNSEARCH_CHAOS", "1"))
ROUNDS = 6
EPOCHS, TRIALS, KEEP = 6, 10, 3
STATES = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def kill_a_child(chaos):
    """Only its trial fails; the search goes on, until it is asked to stop."""
    chaos.wait_until(chaos.tune.children, or_ended=True)
    for child in chaos.tune.children()[:1]:
        os.kill(child, signal.SIGKILL)
    time.sleep(0.5)
    interrupt_once(chaos)


def stop_a_child_and_kill_the_coordinator(chaos):
    """A stopped process notices nothing; it has to end all the same."""
    for child in chaos.tune.children()[:1]:
        os.kill(child, signal.SIGSTOP)
    kill_the_coordinator(chaos)


def kill_the_coordinator(chaos):
    chaos.tune.look()
    chaos.tune.running.kill()
    chaos.ended(-signal.SIGKILL, 0)


def kill_everything(chaos):
    chaos.signal_group(signal.SIGKILL)
    chaos.ended(-signal.SIGKILL, 0)


def interrupt_once(chaos):
    chaos.signal_group(signal.SIGINT)
    chaos.ended(130, 0, -signal.SIGINT, 1)


def interrupt_twice(chaos):
    press_twice(chaos)
    chaos.ended(130, 0, -signal.SIGINT, 1)


def press_twice(chaos):
    chaos.signal_group(signal.SIGINT)
    time.sleep(0.2)
    chaos.signal_group(signal.SIGINT)


def fill_the_disk(chaos):
    """The search cannot write down what happens; it says so and ends, or its trials fail."""
    if chaos.fill is None:
        kill_everything(chaos)
        return
    chaos.fill(True)
    time.sleep(3)
    press_twice(chaos)
    chaos.ended(4, 6, 130, 0)
    chaos.fill(False)
    assert "Traceback" not in chaos.tune.said()


def lock_the_database(chaos):
    """A reader that holds the book for some seconds costs those seconds."""
    book = chaos.tune.search.study / "study.db"
    chaos.wait_until(lambda: book.exists() and chaos.tune.search.records(), or_ended=True)
    holding = threading.Thread(target=chaos.hold, args=(book, 2.0))
    holding.start()
    holding.join()
    interrupt_once(chaos)
    assert "locked" not in chaos.tune.said()


def start_another(chaos):
    """Of two searches at the same moment one says that the other is at work."""
    first = chaos.tune.running
    said = chaos.tune.said
    other = chaos.tune.start()
    other.wait(60)
    assert other.returncode in {0, 6}
    assert other.returncode == 0 or "is being searched by " in said()
    chaos.tune.running = first
    interrupt_once(chaos)


def change_the_spec(chaos):
    """Refused with the difference, before anything is done."""
    kill_everything(chaos)
    if chaos.tune.search.trials():
        other = chaos.tune.start("--set", "training.learning_rate=0.2")
        assert other.wait(60) == 6
        assert "training.learning_rate: 0.1 → 0.2" in chaos.tune.said()


DISASTERS = (
    kill_a_child,
    stop_a_child_and_kill_the_coordinator,
    kill_the_coordinator,
    kill_everything,
    interrupt_once,
    interrupt_twice,
    fill_the_disk,
    lock_the_database,
    start_another,
    change_the_spec,
)


@dataclass
class Chaos:
    """What strikes a search, and what was seen of its trials so far."""

    tune: object
    fill: object
    hold: object
    seen: dict = field(default_factory=dict)

    def say(self, text):
        """With ``pytest -s`` one can watch."""
        sys.stderr.write(f"{text}\n")

    def signal_group(self, number):
        self.tune.look()
        if self.tune.running.poll() is None:
            os.killpg(self.tune.running.pid, number)

    def ended(self, *codes):
        code = self.tune.running.wait(120)
        assert code in codes, f"{code}: {self.tune.said()}"

    def wait_until(self, true, *, or_ended=False):
        wait_until(lambda: true() or (or_ended and self.tune.running.poll() is not None))

    def check(self):
        """The book and the folders agree, and what had ended is as it was."""
        assert self.tune.survivors() == [], "no process outlives its search"
        search = self.tune.search
        trials, epochs = search.trials(), search.epochs()
        records = {record.trial: record for record in search.records()}
        assert [trial.number for trial in trials] == list(range(len(trials)))
        ended = [trial for trial in trials if trial.state in STATES]
        assert len(ended) <= TRIALS
        for trial in ended:
            record = records[trial.number]
            assert record.state == STATES[trial.state]
            assert record.reason or record.state == "finished"
            assert epochs[record.name] == list(range(1, record.epochs + 1)), "each epoch once"
            assert record.state != "finished" or record.epochs == EPOCHS
            facts = trial.value, record.state, record.started_at, record.wall_seconds
            assert self.seen.setdefault(trial.number, facts) == facts, "nothing is done twice"
        assert self.seen.keys() == {trial.number for trial in ended}, "nothing that ended is lost"

    def check_all(self):
        """The study is whole: exactly the trials that were asked for, none left behind."""
        self.check()
        states = [trial.state for trial in self.tune.search.trials()]
        assert len(states) == TRIALS
        assert set(states) <= set(STATES)
        finished = states.count(TrialState.COMPLETE)
        kept = [RunFolder(path.parent) for path in self.tune.search.study.glob("trial-*/weights.npz")]
        assert len(kept) <= min(KEEP, finished)
        assert not finished or kept
        assert all(folder.read().state == "finished" for folder in kept)
        assert not list(self.tune.search.study.rglob(".*.tmp")), "no half files"


def strike(chaos, rng):
    """Disasters at random moments, each another one, until there is nothing left to search."""
    for disaster in rng.sample(DISASTERS, ROUNDS):
        chaos.tune.start()
        if rng.random() < 0.7:  # else perhaps before the first child is there
            chaos.wait_until(chaos.tune.children, or_ended=True)
        moment = rng.uniform(0, 2)
        time.sleep(moment)
        disaster(chaos)
        chaos.check()
        chaos.say(f"{disaster.__name__} after {moment:.1f} s; {len(chaos.seen)} trials have ended")
        if len(chaos.seen) == TRIALS:
            return


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(STUDIES))
def test_nothing_is_lost_and_nothing_is_done_twice(tuning, disk, locker, seed):
    chaos = Chaos(tuning("none" if seed % 3 == 2 else "halving"), disk, locker)
    strike(chaos, random.Random(seed))
    chaos.tune.start()
    chaos.ended(0)
    chaos.tune.family = []
    chaos.check_all()
