"""How many workers one PostgreSQL server serves: the calls of a search, without the training.

Each client is a process that does for each trial what a coordinator does: waits for its turn, takes a
trial, writes its lease, samples, reports an epoch eight times, renews its lease, closes the trial. Nothing is
trained, so that a client is as busy as hundreds of workers. Prints how often each kind of call was done and
how long it took; docs/scaling.md says what that means for workers that train::

    python tests/benchmarks/saturation.py [CLIENTS] [SECONDS] [FINISHED]

FINISHED trials are put into the study before, since the sampler reads them all.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import optuna
from postgres import DURABLE, server

from dnsearch.runs.record import EpochRecord, Metrics, Origin, Parameters, opening
from dnsearch.spec.document import load
from dnsearch.study.book.claims import Claims
from dnsearch.study.book.ledger import Ledger
from dnsearch.study.book.storage import open_study

EPOCHS = 8
Times = dict[str, tuple[int, float]]


def book(url: str) -> Ledger:
    document = load("speculations", [f"training.epochs={EPOCHS}", "tune.pruner=none"])
    tune = document.experiment.tune
    assert tune
    return Ledger(open_study(url, "saturation", document.experiment, tune), document, tune)


def fill(url: str, finished: int) -> None:
    """Trials that ended before, told to the storage as they are."""
    ledger = book(url)
    seen = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for number in range(finished):
        trial = seen.ask()
        ledger.choice(trial)
        seen.tell(trial, 0.5 + number % 89 / 200)
    ledger.study.add_trials(seen.get_trials(deepcopy=False))


def client(url: str, seconds: float) -> Times:
    """The calls of a search until the time is over: kind → how often, and seconds in all."""
    counts: Counter[str] = Counter()
    spent: Counter[str] = Counter()

    def timed(kind, call, *arguments):
        began = time.perf_counter()
        result = call(*arguments)
        counts[kind] += 1
        spent[kind] += time.perf_counter() - began
        return result

    ledger = book(url)
    claims = Claims(ledger, url, Path(tempfile.mkdtemp()))
    origin = Origin("saturation", 0)
    opened = opening("trial", ledger.document.experiment, Parameters(1, 1), 1, origin)
    record = replace(opened, state="finished")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        trial = timed("take, with its turn", claims.take, 10**6)
        timed("sample", ledger.choice, trial)
        for number in range(1, EPOCHS + 1):
            metrics = Metrics(1.0, (trial.number % 97) / 97, 100)
            epoch = EpochRecord(number, 0.1, metrics, metrics, 1.0, 1.0)
            timed("report", ledger.verdict, trial, epoch, EPOCHS)
        timed("renew", claims._renew, [trial])
        timed("close", ledger.close, trial, replace(record, last=metrics, best=metrics))
    claims.release([])
    return {kind: (counts[kind], spent[kind]) for kind in counts}


def measure(clients: int, seconds: float, finished: int) -> Times:
    with server(DURABLE, connections=4 * clients + 20) as url:
        fill(url, finished)
        began = time.monotonic()
        with get_context("spawn").Pool(clients) as pool:
            each = pool.starmap(client, [(url, seconds)] * clients)
        wall = time.monotonic() - began
    kinds = list(each[0])
    times = {kind: (sum(one[kind][0] for one in each), sum(one[kind][1] for one in each)) for kind in kinds}
    print(f"{clients} clients, {finished} trials before, {seconds:g} s ({wall:.0f} s with the start)")
    for kind, (count, spent) in times.items():
        print(f"  {kind:20} {count:6}  {count / seconds:8.1f} a second  {1000 * spent / count:8.1f} ms each")
    return times


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    clients, seconds, finished = [*numbers, *(4, 20, 0)[len(numbers) :]]
    print(json.dumps(measure(clients, seconds, finished)))
