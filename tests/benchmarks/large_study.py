"""A study of many finished trials, made up in seconds, and how long a person waits for it.

The folders are written one by one. The trials are copies of one that Optuna wrote itself, made inside the
database with other values, since Optuna takes minutes to add so many.
"""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import Metrics, Origin, Parameters, opening
from dnsearch.runs.record_json import to_json
from dnsearch.search.database import default_url, storage
from dnsearch.search.study_lock import StudyLock
from dnsearch.search.study_metadata import open_study, study_in
from dnsearch.search.trial_store import TrialStore
from dnsearch.spec.document import load, resolved_yaml

COPIES = """\
create temp table copy as
    with recursive counter(number) as
        (select 1 union all select number + 1 from counter where number < {last})
    select number, {first} + number as id, abs(random() % 1000000) / 1000000.0 as score from counter;
insert into trials (trial_id, number, study_id, state, datetime_start, datetime_complete)
    select id, copy.number, study_id, state, datetime_start, datetime_complete from trials, copy
    where trial_id = {first};
insert into trial_values (trial_id, objective, value, value_type)
    select id, objective, score, value_type from trial_values, copy where trial_id = {first};
insert into trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
    select id, step, score, intermediate_value_type from trial_intermediate_values, copy
    where trial_id = {first};
insert into trial_params (trial_id, param_name, param_value, distribution_json)
    select id, param_name, case when param_name like '%rate' and param_value < 1
        then 0.01 + 0.19 * score else param_value end, distribution_json
    from trial_params, copy where trial_id = {first};
insert into trial_user_attributes (trial_id, key, value_json)
    select id, key, case when key = 'dnsearch:fingerprint' then '"' || id || '"' else value_json end
    from trial_user_attributes, copy where trial_id = {first} and key != 'dnsearch:base';
"""


def opened_store(folder: Path) -> TrialStore:
    """The trials of the study in a folder."""
    url, document = default_url(folder), load("speculations")
    tune = document.experiment.tune
    inside = storage(url)
    study = open_study(inside, folder.name, document.experiment, tune, study_in(inside, folder.name))
    return TrialStore(study, inside, document, tune, StudyLock(folder.name, url))


def made(runs: Path, trials: int) -> Path:
    """Make a study of the preset ``speculations``, of so many finished trials, below ``runs``."""
    folder = runs / "speculations"
    folder.mkdir(parents=True)
    document = load("speculations")
    experiment = document.experiment
    store = opened_store(folder)
    first = store.new()
    store.choice(first)
    store.note(first, document, {"parameters": 21_074, "macs": 500_000, "training_memory_bytes": 10**7})
    scores = [0.3, 0.5, 0.6, 0.7, 0.8]
    for epoch, score in enumerate(scores, start=1):
        first.report(score, epoch)
    record = opening("", experiment, Parameters(21_074, 900), 500_000, Origin(folder.name, 0))
    metrics = [Metrics(0.5, score, 144) for score in scores]
    record = replace(record, state="finished", epochs=5, last=metrics[-1], best=metrics[-1], best_epoch=5)
    store.close(first, record)
    with closing(sqlite3.connect(folder / "study.db")) as database, database:
        database.executescript(COPIES.format(last=trials - 1, first=1))
    with closing(sqlite3.connect(folder / "study.db")) as database:
        values = dict(database.execute("select number, value from trials join trial_values using (trial_id)"))
    text = resolved_yaml(experiment)
    for number in range(trials):
        run = RunFolder(folder / trial_name(number))
        run.path.mkdir()
        score = replace(metrics[-1], accuracy=values[number])
        name = str(number + 1) if number else record.fingerprint  # as the database has it
        own = replace(record, name=run.name, trial=number, last=score, best=score, fingerprint=name)
        run.record.write_bytes(to_json(own, indent=2) + b"\n")  # without waiting for the disk each time
        for path in (run.spec, run.resolved, run.epochs_file, run.lock):
            path.write_text(text if path.suffix == ".yaml" else "")
    return folder
