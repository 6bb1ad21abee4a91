"""What a run leaves behind, as values: one record per epoch, one per run, one per study."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer, with_config
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from dnsearch.spec.experiment import Experiment


State = Literal["running", "paused", "finished", "pruned", "failed", "interrupted"]

STRICT = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="strings", defer_build=True)
"""How records are read and written: no unknown keys, no conversions but the one of ``Number``."""


def _number(value: object) -> object:
    """JSON has no words for these numbers; records hold them as strings."""
    return float(value) if isinstance(value, str) and value in {"NaN", "Infinity", "-Infinity"} else value


Count = Annotated[int, Field(ge=0, lt=2**63)]
"""A number of parameters, multiply-adds, bytes or trials; a damaged one could be too large for a float."""
Number = Annotated[float, BeforeValidator(_number)]
"""A float, finite or not."""


def _share(value: float) -> float:
    if value < 0 or value > 1:
        raise PydanticCustomError("share", "a number from 0 to 1")
    return value


Share = Annotated[Number, AfterValidator(_share)]
"""A share from 0 to 1, or NaN."""

Text = Annotated[str, PlainSerializer(lambda text: text.encode(errors="replace").decode(), return_type=str)]
"""Words that may hold the name of a file that is not UTF-8; it is written with ``?`` in it."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Metrics:
    """How well a network does on some images.

    Args:
        loss: mean cross-entropy per label, in nats, without label smoothing.
        accuracy: share of labels that were found, from 0 to 1.
        examples: how many labels: images or, for a U-Net, pixels.
        mean_iou: of a U-Net, the mean over the classes of the share of right pixels among those that are or
            were given the class; None for labels per image, and while the weights change.
    """

    loss: Number
    accuracy: Share
    examples: Annotated[int, Field(ge=0)]
    mean_iou: Share | None = None

    @property
    def score(self) -> float:
        """What networks are chosen by: the mean IoU of a U-Net, else the accuracy."""
        return self.accuracy if self.mean_iou is None else self.mean_iou


Order = tuple[float, float, int, str]
"""What trials are sorted by, on the leaderboard, for ``best.yaml``, and where only the best keep weights."""


def order(score: float, parameters: float | None, trial: int | None, name: str = "") -> Order:
    """Sorts the better first: the higher score, then fewer parameters, the earlier trial, the name.

    >>> order(0.9, 500, trial=3) < order(0.9, 500, trial=12) < order(0.8, 100, trial=0)
    True
    """
    return -score, math.inf if parameters is None else parameters, -1 if trial is None else trial, name


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch, numbered from 1, with the learning rate of its last step and the median speed of its steps.

    ``training`` is the mean over the epoch, while the weights were changing and dropout was on;
    ``validation`` is on the held-out images, after it. ``wall_seconds`` counts both.
    """

    epoch: int
    learning_rate: Number
    training: Metrics
    validation: Metrics
    wall_seconds: Number
    images_per_second: Number


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Parameters:
    """Numbers of parameters; ``other`` are BatchNorm's moving statistics."""

    trainable: Count
    other: Count

    @property
    def total(self) -> int:
        """All parameters, as Keras counts them."""
        return self.trainable + self.other


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: everything about it but the weights.

    Args:
        name: name of the run folder; ``experiment`` is the spec's.
        fingerprint: equal settings, equal fingerprint.
        settings: dotted path → value, for network, data and training.
        parameters: None where the network cannot be built.
        macs: multiply-adds of convolutions and classifier for one image, likewise.
        started_at: ISO 8601 in UTC.
        reason: why a run is pruned, failed or interrupted; empty otherwise.
        study: the study that the run belongs to, if any; ``trial`` is its number there, from 0.
        confirmation: whether it is a retraining of that trial on a fresh seed.
        last: the validation metrics of the last epoch that ended.
        best: those of the epoch with the highest score, ``best_epoch``.
        test: metrics on the test images, where they were looked at.
        wall_seconds: time spent training, over all sittings.
        first_step_seconds: from the start of the training code to the end of the first optimizer step.
        images_per_second: median over the steps of the last epoch.
        peak_memory_bytes: the process' largest resident set.
        latency_seconds: median time of a prediction for one image; measured where a study searches for it.
        memory: whether the training kept what its backward pass reads, or computed it again.
        parts: parts that each batch was worked through in, more than the spec asks for, since memory was used
            up with fewer; None: as many as the spec asks for.
    """

    name: Text
    experiment: str
    state: State
    fingerprint: str
    seed: int
    settings: Mapping[str, Any]
    parameters: Parameters | None
    macs: Count | None
    epochs_planned: int
    started_at: str
    reason: Text = ""
    study: str | None = None
    trial: int | None = None
    confirmation: bool = False
    epochs: int = 0
    last: Metrics | None = None
    best: Metrics | None = None
    best_epoch: int | None = None
    test: Metrics | None = None
    wall_seconds: Number = 0.0
    first_step_seconds: Number | None = None
    images_per_second: Number | None = None
    peak_memory_bytes: Count | None = None
    latency_seconds: Number | None = None
    memory: Literal["plain", "recompute"] | None = None
    parts: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, Any] = field(default_factory=dict)
    process: Mapping[str, Any] = field(default_factory=dict)


def with_epoch(
    record: RunRecord, epoch: EpochRecord, wall_seconds: float, peak_memory_bytes: int
) -> RunRecord:
    """The record of a run after one more epoch; of two equal scores the earlier is the best."""
    better = record.best is None or epoch.validation.score > record.best.score
    return replace(
        record,
        epochs=epoch.epoch,
        last=epoch.validation,
        best=epoch.validation if better else record.best,
        best_epoch=epoch.epoch if better else record.best_epoch,
        wall_seconds=wall_seconds,
        images_per_second=epoch.images_per_second,
        peak_memory_bytes=peak_memory_bytes,
    )


Setting = str | int | float | bool | None
"""A searched value; None where a trial does not have the setting."""
FEWEST_SCORED = 30
"""So many trials at the first rung say something about settings."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Effect:
    """The trials of a search with one value of a setting, or with numbers from ``low`` to ``high``.

    Args:
        trials: how many of them reached the first rung.
        mean: of their scores there; ``best`` is the highest.
        chance: between which means 95 % of studies have it where the setting has no effect, for all values
            of the setting together.
    """

    low: Setting
    high: Setting
    trials: int
    mean: Number
    best: Number
    chance: tuple[Number, Number]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class StudyRecord:
    """One study: what a search leaves behind beside its runs.

    Args:
        state: searching or ended. Of a search that was killed the file still says searching; read with
            ``scan.study_as_it_is`` it is interrupted.
        select: which epoch's validation figure a trial is judged by.
        trials: state → how many trials have it.
        proposals: what the sampler has asked for, trials and infeasible ones together.
        infeasible: constraint → how many proposals broke it; one that broke two is counted with each.
        infeasible_proposals: how many proposals broke any.
        epochs_saved: further epochs that the pruned and paused trials would have taken to their ends.
        scored_at: the epoch of the first rung.
        scored: how many trials reached it.
        importances: parameter → how much of the differences between their scores there it explains alone,
            from 0 to 1, the largest first.
        chances: parameter → how much it explains by chance in at most 5 % of studies, all settings together.
        effects: parameter → what its values scored there.
        importances_missing: why there are none of all that.
        front: numbers of the finished trials that no other one beats in every objective; with one objective
            there are none.
        id: the same as in the study's database; empty in a study of an earlier version.
    """

    name: str
    state: Literal["searching", "ended", "interrupted"] = "searching"
    objectives: tuple[str, ...] = ("validation",)
    select: Literal["last", "best"] = "last"
    trials: Mapping[str, Count] = field(default_factory=dict)
    proposals: Count = 0
    infeasible: Mapping[str, Count] = field(default_factory=dict)
    infeasible_proposals: Count = 0
    epochs_trained: Count = 0
    epochs_saved: Count = 0
    scored_at: Count = 0
    scored: Count = 0
    importances: Mapping[str, Number] = field(default_factory=dict)
    chances: Mapping[str, Number] = field(default_factory=dict)
    effects: Mapping[str, tuple[Effect, ...]] = field(default_factory=dict)
    importances_missing: str = ""
    front: tuple[int, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A wish to end a run before its last epoch; its record takes over the state and the reason."""

    state: Literal["pruned", "paused", "interrupted"]
    reason: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Which trial of which study a run is, or confirms."""

    study: str
    trial: int
    confirmation: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a run that a person should be told, and that does not stop it."""

    text: str


@dataclass(frozen=True, slots=True)
class StepEnded:
    """One optimizer step of the ``steps`` of an epoch, both numbered from 1, with its own speed."""

    epoch: int
    step: int
    steps: int
    images_per_second: float


def opening(
    name: str,
    experiment: "Experiment",
    parameters: Parameters | None,
    macs: int | None,
    origin: Origin | None,
) -> RunRecord:
    """A run that starts now; parameters and multiply-adds are None where its network cannot be built."""
    from dnsearch.spec.document import fingerprint, settings

    return RunRecord(
        name=name,
        experiment=experiment.name,
        state="running",
        fingerprint=fingerprint(experiment),
        seed=experiment.training.seed,
        settings=settings(experiment),
        parameters=parameters,
        macs=macs,
        epochs_planned=experiment.training.epochs,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        study=origin.study if origin else None,
        trial=origin.trial if origin else None,
        confirmation=origin is not None and origin.confirmation,
    )
