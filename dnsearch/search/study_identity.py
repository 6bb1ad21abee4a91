"""A study's folder and its study in the database belong together: both have the same id.

A search with another database would take the folder for a new study's and write over its trials. The id is in
``study.json`` and among the study's user attributes. Where one of them is missing, as in studies of earlier
versions, the trials decide: each record in the folder has to be that of the database's trial.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import optuna

from dnsearch.errors import Problem, RunError, StudyError
from dnsearch.runs.folder import RunFolder, read_study, runs_under, write_study
from dnsearch.runs.record import RunRecord, StudyRecord
from dnsearch.search.database import shown, trials_of

ID = "dnsearch:id"
FINGERPRINT = "dnsearch:fingerprint"
WAYS_OUT = """\
Nothing was changed. Name the study's own database with --storage URL (or its folder with --runs DIR), or
  start another study with --study NAME. If the database is lost, fill an empty one from the folder's records:
  dnsearch tune SPEC --rebuild"""


def agreed_id(folder: Path, study: optuna.Study | None, url: str) -> str:
    """The id that a folder and a study have or shall have; a StudyError: they do not belong together."""
    here = study_record(folder).id
    there = "" if study is None else str(study.user_attrs.get(ID, ""))
    if here and here == there:
        return here
    records, trials = trial_records(folder), [] if study is None else trials_of(study)
    own = {each.number: each.user_attrs.get(FINGERPRINT) for each in trials}
    ended = any(each.state.is_finished() and FINGERPRINT in each.user_attrs for each in trials)
    alike = all(own.get(number) == record.fingerprint for number, record in records.items())
    if (here and there) or not alike or (ended and not records):
        held = f"trials in the folder: {len(records)}, in the database: {len(trials)}"
        found = f"two different ones ({held})" if here and there else held
        expected = f"the same study in the folder {folder} and in the database {shown(url)}"
        raise StudyError(str(Problem(f"study {folder.name}", expected, found, WAYS_OUT)))
    return here or there or uuid4().hex


def bind(folder: Path, study: optuna.Study, agreed: str) -> None:
    """Write the id into the folder and the database, where it is missing."""
    if study.user_attrs.get(ID) != agreed:
        study.set_user_attr(ID, agreed)
    record = study_record(folder)
    if record.id != agreed:
        write_study(folder, replace(record, id=agreed))


def study_record(folder: Path) -> StudyRecord:
    """What ``study.json`` says; where it is missing or damaged, that of a study without trials."""
    with suppress(RunError):
        return read_study(folder)
    return StudyRecord(folder.name, "ended")


def trial_records(folder: Path) -> dict[int, RunRecord]:
    """Number → record, of the trials in a study's folder; a damaged record tells nothing."""
    found: dict[int, RunRecord] = {}
    for path in runs_under(folder, depth=1):
        with suppress(RunError):
            record = RunFolder(path).read()
            if record.trial is not None and not record.confirmation:
                found[record.trial] = record
    return dict(sorted(found.items()))
