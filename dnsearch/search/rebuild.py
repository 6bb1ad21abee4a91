"""A study's database, filled from the records in its folder: they know all of its trials.

The trials are told to a study in memory as a search tells them. Infeasible proposals left nothing but their
numbers, which stay taken. A kill half-way leaves the database as it was, as in a migration.
"""

from datetime import datetime, timedelta
from uuid import uuid4

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from dnsearch.errors import Problem, StudyError
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import RunRecord
from dnsearch.search.database import OPENING_TROUBLE, existing_storage, reachable, shown
from dnsearch.search.duplicates import DROPPED
from dnsearch.search.messages import Request
from dnsearch.search.migrate import replaced
from dnsearch.search.parameter_space import base_labels
from dnsearch.search.proposal import Proposal, propose, staged
from dnsearch.search.samplers import PAUSED
from dnsearch.search.study_identity import FINGERPRINT, ID, bind, study_record, trial_records
from dnsearch.search.study_lock import study_locked
from dnsearch.search.study_metadata import directions, finish_migration, study_in
from dnsearch.search.trial_store import BASE, INFEASIBLE, REASON, TrialStore
from dnsearch.spec.document import fingerprint, load


def rebuild(request: Request) -> int:
    """Fill a database without trials of the study from its folder's records; returns of how many trials."""
    folder, url = request.folder, request.url
    if not (records := trial_records(folder)):
        raise StudyError(str(Problem(str(folder), "the folder of a study, with its trials", "no trials")))
    with study_locked(folder, url, request.say) as lock, reachable(url, OPENING_TROUBLE):
        finish_migration(before := existing_storage(url), folder.name)
        found = study_in(before, folder.name)
        if found is not None and (count := len(found.get_trials(deepcopy=False))):
            hint = "Leave --rebuild out to go on with it, or name an empty one: --storage URL"
            expected = f"a database without trials of study {folder.name}, to be filled from {folder}"
            raise StudyError(str(Problem(f"--storage {shown(url)}", expected, f"{count} trials", hint)))
        inside, tune = InMemoryStorage(), request.spec.tune
        study = optuna.create_study(storage=inside, study_name=folder.name, directions=directions(tune))
        _tell(TrialStore(study, inside, request.spec.document, tune, lock), request, records)
        trials = [_timed(trial, records.get(trial.number)) for trial in study.trials]
        made = replaced(request, {ID: study_record(folder).id or uuid4().hex}, trials)
        bind(folder, made, made.user_attrs[ID])
    return len(records)


def _tell(store: TrialStore, request: Request, records: dict[int, RunRecord]) -> None:
    """Make the trials of all records, by number; what is lost leaves its number taken."""
    before, spec = study_record(request.folder), request.spec
    count = max(max(records) + 1, before.proposals)
    infeasible = before.infeasible_proposals  # which numbers were theirs is not known any more
    base = spec.judge({}, "the base spec").planned
    own = base and fingerprint(staged(base.document, spec.tune, spec.image_shape, spec.classes).experiment)
    for number in range(count):
        record = records.get(number)
        spec_file = RunFolder(request.folder / trial_name(number)).resolved
        if record is not None and spec_file.exists():
            is_first = record.fingerprint == own
            own = "" if is_first else own
            labels = base_labels(load(str(spec_file)), spec.tune)
            store.study.enqueue_trial(labels, user_attrs={BASE: True} if is_first else None)
            _replay(store, request, record)
        elif record is not None and record.state == "failed":  # before it wrote its spec
            told = {FINGERPRINT: record.fingerprint, REASON: record.reason}
            store.study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=told))
        else:
            lost: dict[str, object] = {INFEASIBLE: {}} if infeasible > 0 else {DROPPED: "its record is lost"}
            infeasible -= 1
            store.study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=lost))


def _replay(store: TrialStore, request: Request, record: RunRecord) -> None:
    trial = store.study.ask()
    proposal = propose(store, trial, request.folder, request.spec)
    if proposal is None:
        return
    if not isinstance(proposal, Proposal):
        hint = "Give the spec that the study was started with, or move the trial's folder away."
        where, found = str(request.folder / record.name), "; ".join(proposal.values())
        raise StudyError(str(Problem(where, "settings in the spec's search space", found, hint)))
    for epoch in proposal.folder.epochs():
        store.report(trial, epoch)
    if record.state == "paused":
        trial.set_user_attr(PAUSED, record.epochs)
    elif record.state not in {"running", "interrupted"}:
        store.close(trial, record)


def _timed(trial: FrozenTrial, record: RunRecord | None) -> FrozenTrial:
    if record is not None:
        start = datetime.fromisoformat(record.started_at).astimezone().replace(tzinfo=None)
        ended = start + timedelta(seconds=record.wall_seconds)
        trial.datetime_start, trial.datetime_complete = start, ended if trial.state.is_finished() else None
    return trial
