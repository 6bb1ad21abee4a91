"""A search to do, and the study that it is done in, with all that a worker elsewhere has to know."""

from dataclasses import dataclass, replace
from pathlib import Path

from dnsearch.errors import Problem, StudyError
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import is_run
from dnsearch.spec.document import Document
from dnsearch.spec.tune import Tune
from dnsearch.study.book.database import reachable
from dnsearch.study.book.ledger import Ledger
from dnsearch.study.book.storage import existing_study, open_study
from dnsearch.study.book.terms import Terms, keep, read
from dnsearch.study.sampling.within import check_placed
from dnsearch.study.work import placement


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
        workers: children at once.
        limits: whether the spec's limits hold.
        cards: the graphics cards that trials are placed on; none: what TensorFlow finds is everybody's.
        artifacts: the artifact store that trials are sent to; None where all share the study's folder.
        threads: threads of each child; None divides the machine's cores among the workers.
        enqueue: specs that shall be the next trials.
        takes: trials that this process takes at most, without waiting for more; None for all there are.
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
    cards: placement.Cards = ()
    artifacts: str | None = None
    threads: int | None = None
    enqueue: tuple[Document, ...] = ()
    takes: int | None = None

    @property
    def terms(self) -> Terms:
        """What the study is to know of itself."""
        images = (self.image_shape, self.classes)
        return Terms(self.document, self.tune, *images, self.trials, self.limits, self.artifacts)


def create(request: Request) -> tuple[Request, Ledger]:
    """Make the study, or open it where it is already; the request with what the study knows, and its book.

    Raises:
        StudyError: the study cannot be opened, or is another spec's; or its sampler cannot do such a spec.
        RunError: its folder cannot be made.
    """
    folder = request.folder
    if is_run(folder):
        hint = "Give the study another name: --study NAME"
        raise StudyError(str(Problem(str(folder), "the folder of a study", "that of a run", hint)))
    check_placed(request.document, request.tune)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    study = open_study(request.url, folder.name, request.document.experiment, request.tune)
    with reachable(request.url):
        keep(study, request.terms)
        artifacts = read(study).artifacts
    planned = request.tune.model_copy(update={"trials": request.trials})
    return replace(request, artifacts=artifacts), Ledger(study, request.document, planned)


def joined(url: str, name: str, runs: Path, trials: int | None = None) -> Request:
    """The request of a worker: all but its own place and size it learns from the study.

    Args:
        url: the storage.
        name: the study's name.
        runs: folder of the runs on this machine.
        trials: ended trials that the study shall have in all; None: as many as it was made for.

    Raises:
        StudyError: the storage cannot be reached, or has no such study of ours.
    """
    study = existing_study(url, name)
    with reachable(url):
        terms = read(study)
    tune = terms.tune
    if terms.artifacts is not None:  # each worker would confirm the best in a folder of its own: tune does it
        tune = tune.model_copy(update={"confirm": None})
    return Request(
        document=terms.document,
        tune=tune,
        image_shape=terms.image_shape,
        classes=terms.classes,
        folder=runs / name,
        url=url,
        trials=trials or terms.trials,
        workers=1,
        limits=terms.limits,
        artifacts=terms.artifacts,
    )
