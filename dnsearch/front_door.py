"""What ``import dnsearch`` offers: the same steps as the commands, as functions.

No call changes the process: seeds, Keras' dtype policy, TensorFlow's options and the environment stay as they
were; a training has a process of its own. What takes a spec raises ``SpecError``, where it is wrong or its
network does not fit the images or the limits, and ``DataError``, where data is missing and not described.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, assert_never

from dnsearch.data.facts import facts
from dnsearch.errors import Problem, SpecError, TrainingError
from dnsearch.plan.graph import NetworkPlan
from dnsearch.plan.limits import Planned, planned
from dnsearch.plan.memory import Summary
from dnsearch.spec.document import Document, parse, resolved_yaml
from dnsearch.spec.document import load as load_document
from dnsearch.spec.yaml import written

if TYPE_CHECKING:
    import keras

    from dnsearch.compare.result import Result
    from dnsearch.compare.running import Event
    from dnsearch.evaluate.metrics import Assessment
    from dnsearch.evaluate.segmentation import Segmentation
    from dnsearch.runs.record import EpochRecord, RunRecord
    from dnsearch.search.feasibility import SearchSpec
    from dnsearch.search.messages import Request, SearchEvent

RUNS = Path("runs")
Spec = Document | str | Path | Mapping[str, Any]
"""A loaded spec, a YAML file, a preset's name, or the values as a mapping."""
Arrays = tuple[Any, Any]
"""Images (n, height, width[, channels]), uint8 or float, and labels (n,) or masks (n, height, width)."""


def load(spec: Spec, *overrides: str) -> Document:
    """Read and validate a spec, with ``path=value`` texts as overrides, as for ``--set``.

    >>> load("article", "network.growth_rate=24").experiment.network.growth_rate
    24
    >>> load({"extends": "starter", "name": "wide", "network": {"growth_rate": 32}}).experiment.name
    'wide'
    """
    match spec:
        case Document() if not overrides:
            return spec
        case Document():
            return parse(resolved_yaml(spec.experiment).encode(), spec.experiment.name, overrides)
        case Mapping():
            return parse(written(dict(spec)).encode(), str(spec.get("name", "spec")), overrides)
        case _:
            return load_document(str(spec), overrides)


def planned_spec(spec: Spec, overrides: Iterable[str] | None = None, *, limits: bool = True) -> Planned:
    """Read a spec, plan its network, solve its ``match``, and check its ``limits`` and what it expects."""
    document = load(spec, *(overrides or ()))
    return planned(document, facts(document.experiment.data), limits=limits)


def plan(spec: Spec) -> NetworkPlan:
    """The network as data: its operations, what each reads, its shapes."""
    return planned_spec(spec).plan


def cost(spec: Spec) -> Summary:
    """What a network costs, exactly, without TensorFlow.

    >>> cost("article")
    Summary(parameters=504,052, macs=187,216,404, training_memory_bytes=2,862,055,888)
    """
    return planned_spec(spec).summary


def build(spec: Spec, seed: int | None = None) -> "keras.Model":
    """A Keras model from scaled images (batch, height, width, channels) to logits.

    It is compiled, trained, saved and loaded like any other; ``import dnsearch.model.layers`` before
    ``keras.models.load_model`` registers its layers. The seed is that of the initial weights; None draws one.
    """
    found = planned_spec(spec)
    with _python_generator_kept():
        from dnsearch.model.build import build as build_model

        random.seed(seed)  # which Keras draws the seeds of initialisers from
        return build_model(found.plan, found.experiment.name)


@contextmanager
def _python_generator_kept() -> Iterator[None]:
    """Give Python's random generator its state back: importing TensorFlow and building models change it."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@dataclass(frozen=True)
class Run:
    """A training that has ended: its folder, which all commands take, and its record."""

    path: Path
    record: "RunRecord"

    @property
    def epochs(self) -> "list[EpochRecord]":
        """Its epochs, in order."""
        from dnsearch.runs.folder import RunFolder

        return RunFolder(self.path).epochs()

    def model(self) -> "keras.Model":
        """Its network with the weights of its last epoch, from scaled images to logits."""
        with _python_generator_kept():
            from dnsearch.evaluate.trained_run import trained
            from dnsearch.runs.folder import RunFolder

            return trained(RunFolder(self.path)).model


def train(
    spec: Spec,
    data: Arrays | None = None,
    validation: Arrays | None = None,
    on_epoch: "Callable[[EpochRecord], object]" = lambda _: None,
    runs: Path | str = RUNS,
) -> Run:
    """Train a spec's network in a process of its own.

    Args:
        spec: a spec.
        data: images and labels to train on in place of the spec's source; written to ``runs/arrays``.
        validation: images and labels to choose by; None holds some of ``data`` out.
        on_epoch: called with each epoch's record; where it returns False, the training stops there.
        runs: the folder in which the run gets a folder of its own.

    Raises:
        TrainingError: the training cannot go on.
    """
    found = planned_spec(_with_arrays(spec, data, validation, Path(runs)))
    from dnsearch.runs.folder import RunFolder
    from dnsearch.runs.record import EpochRecord, RunRecord, Stop
    from dnsearch.search.local_executor import LocalExecutor
    from dnsearch.search.messages import Job, Resources, RunFailed, RunLost

    folder = RunFolder.create(Path(runs), found.experiment.name)
    executor = LocalExecutor(Resources(folder.path / "training.log", workers=1))
    try:
        executor.start(Job(found, folder.path, None))
        while True:
            for job, message in executor.poll():
                match message:
                    case EpochRecord():
                        stop = on_epoch(message) is False
                        executor.answer(job, Stop("interrupted", "stopped by on_epoch") if stop else None)
                    case RunRecord():
                        return Run(folder.path, message)
                    case RunFailed(reason) | RunLost(reason):
                        raise TrainingError(reason)
                    case _:
                        assert_never(message)
    finally:
        executor.close()


def evaluate(
    run: Run | Path | str, split: Literal["test", "validation"] = "test"
) -> "Assessment | Segmentation":
    """How good a run is on its test or validation images, with intervals.

    Raises:
        RunError: the run has no weights.
        DataError: there are no such images.
    """
    with _python_generator_kept():
        from dnsearch.evaluate.trained_run import evaluate_run
        from dnsearch.runs.folder import RunFolder

        return evaluate_run(RunFolder.open(run.path if isinstance(run, Run) else Path(run)), split)


@dataclass
class Search:
    """A search: iterate over it for its events, or ask for its best trial, which searches to the end.

    Leaving the loop early, or the ``with`` block, ends its processes; another search continues it.
    """

    path: Path  # the study's folder
    _events: "Iterator[SearchEvent]"

    def __iter__(self) -> "Iterator[SearchEvent]":
        return self._events

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the search's processes."""
        self._events.close()  # type: ignore[attr-defined]  # a generator

    @property
    def best(self) -> Run:
        """The best trial; what is left of the search is done first."""
        for _ in self._events:
            pass
        from dnsearch.report.ranking import rank_trials
        from dnsearch.runs.folder import read_study
        from dnsearch.runs.scan import scan

        best = rank_trials(scan([self.path]).records, read_study(self.path))[0].record
        return Run(self.path / best.name, best)


def search(
    spec: Spec,
    trials: int | None = None,
    data: Arrays | None = None,
    validation: Arrays | None = None,
    workers: int = 1,
    runs: Path | str = RUNS,
    study: str | None = None,
) -> Search:
    """Search the variants that a spec's ``tune`` section describes; the same call again continues it.

    Args:
        spec: a spec with a ``tune`` section.
        trials: ended trials that the study shall have in all; None: as the spec says.
        data: images and labels, as for ``train``.
        validation: the same.
        workers: trials at once.
        runs: the folder in which the study gets a folder of its own.
        study: its name; None: the spec's.

    Raises:
        StudyError: while iterating: the study cannot be opened, or is another spec's.
    """
    found = planned_spec(_with_arrays(spec, data, validation, Path(runs)))
    request = replace(requested(found, Path(runs), study, trials), workers=workers)
    from dnsearch.search.coordinator import search as run_search

    return Search(request.folder, run_search(request, lambda: 0))


def compare(
    spec: Spec,
    vary: str | None = None,
    workers: int = 1,
    runs: Path | str = RUNS,
    name: str | None = None,
    on_event: "Callable[[Event], object]" = lambda _: None,
) -> "Result":
    """Find out whether a variant helps; the same call again continues a comparison, or reads its result.

    Args:
        spec: a spec with a ``compare`` section, unless ``vary`` says what to compare.
        vary: a field and its values, such as ``network.pooling=avg,max``.
        workers: runs at once.
        runs: the folder in which the comparison gets a folder of its own.
        name: its name; None: the spec's, with the field that varies.
        on_event: called with each event; none tells how the arms differ before the last pair has ended.

    Raises:
        RunError: the folder is another comparison's, or in use.
        TrainingError: a training of a pair has failed.
    """
    from dnsearch.compare.design import designed
    from dnsearch.compare.result import result
    from dnsearch.compare.running import Comparison
    from dnsearch.search.local_executor import LocalExecutor
    from dnsearch.search.messages import Resources
    from dnsearch.spec.compare import comparison_name, varied

    design = designed(planned_spec(spec, varied(vary)))
    folder = Path(runs) / (name or comparison_name(design.name, vary))
    executor = LocalExecutor(Resources(folder / "workers.log", workers, reuse=True))
    for event in Comparison(design, folder, workers, executor).go():
        on_event(event)
    return result(design, folder)


def requested(
    found: Planned,
    runs: Path,
    study: str | None = None,
    trials: int | None = None,
    storage: str | None = None,
    *,
    limits: bool = True,
) -> "Request":
    """The search of a planned spec; a run of the spec's name leaves ``NAME-study`` to its study."""
    spec, name = search_spec(found, limits=limits), found.experiment.name
    from dnsearch.runs.folder import is_run
    from dnsearch.search.database import default_url
    from dnsearch.search.messages import Request

    folder = runs / (study or (f"{name}-study" if is_run(runs / name) else name))
    return Request(spec, folder, storage or default_url(folder), trials or spec.tune.trials, workers=1)


def search_spec(found: Planned, *, limits: bool = True) -> "SearchSpec":
    """What a search of a planned spec is about, which needs a ``tune`` section."""
    from dnsearch.search.feasibility import SearchSpec

    tune = found.written.experiment.tune
    if tune is None:
        hint = "Add tune: with parameters: to search, as in the preset speculations."
        raise SpecError([Problem("tune", "a tune section", f"none in {found.experiment.name}", hint)])
    return SearchSpec(found.written, tune, found.facts.image_shape, found.facts.classes, limits)


def _with_arrays(spec: Spec, data: Arrays | None, validation: Arrays | None, runs: Path) -> Document:
    """The spec with arrays as its source, written once into a file that is named by what they hold."""
    document = load(spec)
    if data is None:
        if validation is not None:
            raise SpecError([Problem("validation", "data as well", "validation alone")])
        return document
    for name, pair in {"data": data, "validation": validation if validation is not None else data}.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise SpecError([Problem(name, "images and labels, (x, y)", type(pair).__name__)])
    from dnsearch.data.npz import save_arrays

    (runs / "arrays").mkdir(parents=True, exist_ok=True)
    path = save_arrays(runs / "arrays", *data, validation)
    return load(document, "data.source=npz", f"data.path={path.resolve()}")
