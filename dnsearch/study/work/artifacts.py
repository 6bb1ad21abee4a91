"""Trials sent home: their archives in Optuna's artifact store, for machines that share no folder.

The store is a folder that every machine reaches, or a bucket of an S3-compatible service. A trial's archive
is sent before the trial is closed, so that a closed trial's archive is there; optuna-dashboard lists it.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import optuna
from optuna.artifacts import Boto3ArtifactStore, FileSystemArtifactStore, download_artifact, upload_artifact
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.trial import FrozenTrial, Trial

from dnsearch import environment
from dnsearch.errors import Problem, RunError, StudyError
from dnsearch.runs import archive
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import RunFolder, is_run, trial_name

ARTIFACT = "dnsearch:artifact"
"""The user attribute of a trial that was sent: the name of its latest archive, and the epochs in it."""
S3 = "s3://"


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A bucket whose keys all start with a prefix, so that several projects can share it."""

    bucket: Boto3ArtifactStore
    prefix: str

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The content under a key, to be read."""
        return self.bucket.open_reader(self.prefix + artifact_id)

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep a content under a key."""
        self.bucket.write(self.prefix + artifact_id, content_body)

    def remove(self, artifact_id: str) -> None:
        """Forget the content under a key."""
        self.bucket.remove(self.prefix + artifact_id)


Store = FileSystemArtifactStore | Prefixed


def store(where: str) -> Store:
    """The artifact store at ``s3://bucket/prefix``, or in a folder, which is made.

    Raises:
        RunError: the folder cannot be made.
        DnsearchError: the extra ``s3`` is missing.
    """
    if where.startswith(S3):
        environment.require("s3", "boto3")
        bucket, _, prefix = where.removeprefix(S3).partition("/")
        return Prefixed(Boto3ArtifactStore(bucket), f"{prefix.strip('/')}/" if prefix.strip("/") else "")
    folder = Path(where)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return FileSystemArtifactStore(folder)


def send(where: str, trial: Trial, folder: RunFolder, *, checkpoints: bool) -> None:
    """Send a trial's archive; the trial must still be open.

    Args:
        where: the artifact store.
        trial: the trial.
        folder: its run folder.
        checkpoints: whether it is to be gone on with, perhaps on another machine.

    Raises:
        StudyError: the store does not take it.
        RunError: a file cannot be read or written.
    """
    with tempfile.TemporaryDirectory() as place, _reachable(where):
        file = Path(place) / f"{folder.name}.tar"
        archive.pack(folder, file, checkpoints=checkpoints)
        kept = upload_artifact(artifact_store=store(where), file_path=str(file), study_or_trial=trial)
        sent = {"name": kept, "epochs": len(folder.epochs())}
        trial.set_user_attr(ARTIFACT, sent)  # only now: what is named here is there


def fetch(where: str, study: optuna.Study, folder: Path) -> list[str]:
    """Bring the archives of a study's trials into its folder; returns the names of those that came.

    A trial whose folder knows all that its archive does is passed over.

    Args:
        where: the artifact store.
        study: the study.
        folder: the study's folder.

    Raises:
        StudyError: the store cannot be read.
        RunError: an archive is not a run's, or a file cannot be written.
    """
    came = []
    for trial in study.get_trials(deepcopy=False):
        run = RunFolder(folder / trial_name(trial.number))
        if (is_behind(trial, run) or _ended_meanwhile(trial, run)) and bring(where, trial, run):
            came.append(run.name)
    return came


def is_behind(trial: FrozenTrial | Trial, folder: RunFolder) -> bool:
    """Whether a trial's latest archive has more of it than its run folder here, which may be an older copy.

    Raises:
        RunError: the folder cannot be read.
    """
    sent = trial.user_attrs.get(ARTIFACT)
    if sent is None:
        return False
    return not is_run(folder.path) or len(folder.epochs()) < sent["epochs"]


def _ended_meanwhile(trial: FrozenTrial, folder: RunFolder) -> bool:
    """Whether a trial has ended since its run folder came here without another epoch, or is damaged here."""
    if not trial.state.is_finished():
        return False
    try:
        return folder.read().state in {"paused", "running"}
    except RunError:
        return True


def bring(where: str, trial: FrozenTrial | Trial, folder: RunFolder) -> bool:
    """Bring a trial's latest archive into its run folder; False where none was sent.

    Raises:
        StudyError: the store cannot be read.
        RunError: the archive is not a run's, or a file cannot be written.
    """
    sent = trial.user_attrs.get(ARTIFACT)
    if sent is None:
        return False
    with tempfile.TemporaryDirectory() as place, _reachable(where):
        file = Path(place) / f"{folder.name}.tar"
        download_artifact(artifact_store=store(where), file_path=str(file), artifact_id=sent["name"])
        archive.unpack(file, folder)
    return True


@contextmanager
def _reachable(where: str) -> Iterator[None]:
    """Turn what goes wrong with the store into a StudyError."""
    try:
        yield
    except ArtifactNotFound as error:
        hint = "Somebody removed it, or this is another store."
        raise _trouble(where, "the archive of a trial", "none", hint) from error
    except OSError as error:
        hint = "Make room there, or name another store: --artifacts"
        raise _trouble(where, "a folder to keep archives in", str(error), hint) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"boto3", "botocore", "s3transfer"}:
            raise  # theirs have no ancestor of their own in common
        hint = "boto3 reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL_S3."
        raise _trouble(where, "a bucket that can be used", str(error), hint) from error


def _trouble(where: str, expected: str, found: str, hint: str) -> StudyError:
    return StudyError(str(Problem(f"artifact store {where}", expected, found, hint)))
