"""A search to do, and the study that it is done in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dnsearch.errors import Problem, StudyError
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import is_run
from dnsearch.search.database import reachable, storage
from dnsearch.search.parameter_space import check_base
from dnsearch.search.study_lock import study_locked
from dnsearch.search.study_metadata import StudyMetadata, open_study, write_metadata
from dnsearch.search.trial_store import TrialStore
from dnsearch.spec.document import Document
from dnsearch.spec.tune import Tune

MAX_LOST = 5
"""Attempts of a trial that may lose their node before the trial has failed."""


def _silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Request:
    """A search to do.

    Args:
        document: the base spec.
        tune: its ``tune`` section.
        image_shape: (height, width, channels) of its images.
        classes: number of its classes.
        folder: the study's folder; its name is the study's.
        url: the storage.
        trials: ended trials that the study shall have in all.
        workers: trials at once.
        limits: whether the spec's limits hold.
        gpus: the GPUs that trials are placed on; none: every trial uses what TensorFlow finds.
        enqueue: specs that shall be the next trials.
        say: told in a sentence what a person should know while the search waits.
    """

    document: Document
    tune: Tune
    image_shape: tuple[int, ...]
    classes: int
    folder: Path
    url: str
    trials: int
    workers: int
    limits: bool = True
    gpus: tuple[str, ...] = ()
    enqueue: tuple[Document, ...] = ()
    say: Callable[[str], None] = _silent

    @property
    def metadata(self) -> StudyMetadata:
        """What the study shall record about itself."""
        images = self.image_shape, self.classes
        return StudyMetadata(self.document, self.tune, *images, self.trials, self.limits)


@contextmanager
def writable(request: Request) -> Iterator[TrialStore]:
    """Create the study, or open it if it exists, and keep every other process from writing it for the block.

    Raises:
        StudyError: another process searches it, it cannot be opened, or is another spec's; or its sampler
            cannot do such a spec.
        RunError: its folder cannot be created.
    """
    folder = request.folder
    if is_run(folder):
        hint = "Give the study another name: --study NAME"
        raise StudyError(str(Problem(str(folder), "the folder of a study", "that of a run", hint)))
    check_base(request.document, request.tune)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with study_locked(folder, request.url, request.say) as lock:
        study = open_study(request.url, folder.name, request.document.experiment, request.tune)
        with reachable(request.url):
            write_metadata(study, request.metadata)
            planned = request.tune.model_copy(update={"trials": request.trials})
            store = TrialStore(study, storage(request.url), request.document, planned, lock)
            store.load()
            yield store
