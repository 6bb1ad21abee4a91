"""What a trial asks for, what is known of it before it is trained, and what a search keeps of the best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from optuna.trial import Trial

from dnsearch.errors import SpecError
from dnsearch.plan.graph import Shape
from dnsearch.plan.limits import Planned
from dnsearch.plan.network import plan_network
from dnsearch.runs.atomic import writing
from dnsearch.runs.cleaning import heavy, remove
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import Origin, Parameters, RunRecord, opening
from dnsearch.runs.scan import known
from dnsearch.search.feasibility import SearchSpec, costs_of
from dnsearch.search.pruning import rungs
from dnsearch.search.trial_store import TrialStore
from dnsearch.spec.document import Document, fingerprint
from dnsearch.spec.network import Network, UNet
from dnsearch.spec.training import OF_PIXELS, Size, Stage, Training
from dnsearch.spec.tune import Tune

SMALLEST_PART = 2  # images of a part of a batch, which BatchNorm needs for a variance


@dataclass(frozen=True)
class Proposal:
    """A network to train: a trial, or a retraining that confirms one."""

    planned: Planned
    folder: RunFolder
    origin: Origin
    record: RunRecord  # what its folder shall say until a training writes there
    trial: Trial | None  # None for a retraining, of which the study knows nothing


def propose(
    store: TrialStore, trial: Trial, folder: Path, spec: SearchSpec
) -> Proposal | Mapping[str, str] | None:
    """What a new trial asks for, or one that an earlier search left.

    Or, of an infeasible proposal, what refuses it → the reason; None: it has an earlier trial's settings.
    """
    judgement = spec.judge(store.choice(trial).values, f"trial {trial.number}")
    store.judge(trial, judgement)
    if judgement.planned is None or judgement.reasons:
        return judgement.reasons
    document = staged(judgement.planned.document, spec.tune, spec.image_shape, spec.classes)
    if store.drop_duplicate(trial, fingerprint(document.experiment)):
        return None
    origin = Origin(folder.name, trial.number)
    run = RunFolder(folder / trial_name(trial.number))
    planned, costs = replace(judgement.planned, document=document), judgement.planned.summary.cost
    store.note(trial, document, costs_of(planned.summary))
    parameters = Parameters(costs.trainable, costs.other)
    record = opening(run.name, document.experiment, parameters, costs.macs, origin)
    with writing(run.path):
        run.path.mkdir(exist_ok=True)
    return Proposal(planned, run, origin, known(run, record), trial)


def in_more_parts(record: RunRecord, training: Training) -> RunRecord | None:
    """The record for a second try after memory ran out, with each batch in twice the parts.

    The trial's settings, and so its fingerprint and its place in the search, do not change: whoever trains in
    its folder goes by the record. The gradients of the parts add up to the batch's; BatchNorm sees each part
    for itself, which is a small difference, and so the leaderboard shows the parts. None where that was tried
    before, or batches cannot be divided further.
    """
    parts = 2 * training.accumulate
    whole = training.loss in OF_PIXELS  # a ratio over the whole batch, which is no sum over its parts
    if record.parts is not None or whole or training.batch_size < SMALLEST_PART * parts:
        return None
    return replace(record, parts=parts, state="running", reason="")


def thin(folder: Path, ranked: Sequence[int], ended: int, keep: int) -> None:
    """Remove checkpoints and weights of a trial that ended, or of the one that it pushed out of the best.

    Looking into every folder after every trial would make a search of 10,000 trials slow.
    """
    for number in {ended, *ranked[keep : keep + 1]} - {*ranked[:keep]}:
        remove(heavy(RunFolder(folder / trial_name(number))))


def staged(document: Document, tune: Tune, image_shape: Shape, classes: int) -> Document:
    """A trial's spec with the stages of its training up to each rung that the search's ``fidelity`` asks for.

    They follow from the epochs and the network: all trials that are compared have seen the same by then.
    """
    network, epochs = document.experiment.network, document.experiment.training.epochs
    match tune.fidelity:
        case "epochs":
            return document
        case "examples":
            stages = by_examples(epochs)
        case "image_size":
            stages = by_image_size(epochs, network, image_shape, classes)
        case _:
            assert_never(tune.fidelity)
    return document.with_stages(stages) if stages else document


def by_examples(epochs: int) -> tuple[Stage, ...]:
    """Up to the rung after r of E epochs, the share sqrt(r / E) of the images.

    >>> [(stage.epochs, stage.examples) for stage in by_examples(27)]
    [(3, 0.3333), (9, 0.5774)]
    """
    return tuple(Stage(epochs=each, examples=round(math.sqrt(each / epochs), 4)) for each in rungs(epochs))


def by_image_size(epochs: int, network: Network, image_shape: Shape, classes: int) -> tuple[Stage, ...]:
    """Up to the rung after r of E epochs, images of the share sqrt(r / E) of the area, to whole pixels.

    Where the network needs more pixels, as many as it needs; rungs at which it needs all have no stage.

    >>> from dnsearch.spec.network import example
    >>> small = by_image_size(27, example(layers_per_block=(2, 2)), (32, 32, 3), 10)
    >>> [(stage.epochs, stage.image_size) for stage in small]
    [(3, (18, 18)), (9, (24, 24))]
    """
    found: dict[Size, Stage] = {}
    for rung in () if isinstance(network, UNet) else rungs(epochs):  # masks have no smaller size
        size = _fitting(network, image_shape, classes, math.sqrt(math.sqrt(rung / epochs)))
        if size != image_shape[:2]:
            found[size] = Stage(epochs=rung, image_size=size)  # of two rungs of one size, the later
    return tuple(found.values())


def _fitting(network: Network, image_shape: Shape, classes: int, factor: float) -> Size:
    *whole, channels = image_shape
    height, width = (max(1, round(factor * side)) for side in whole)
    while [height, width] != whole:
        try:
            plan_network(network, (height, width, channels), classes)
            break
        except SpecError:
            height, width = min(height + 1, whole[0]), min(width + 1, whole[1])
    return height, width
