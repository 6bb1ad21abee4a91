"""A spec planned once: its ``match`` solved, its ``limits`` and expectations checked, before any training."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dnsearch.errors import Problem, SpecError
from dnsearch.plan.graph import NetworkPlan, Shape
from dnsearch.plan.memory import Summary
from dnsearch.plan.network import Figure, Match, figure_of, matched, plan_network
from dnsearch.spec.data_section import Facts
from dnsearch.spec.document import Document, load
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.optimization import Adam, AdamW


@dataclass(frozen=True)
class Planned:
    """A valid spec with its network, which fits the images, the limits and what the spec expects.

    Whoever has one neither validates nor plans again.
    """

    written: Document  # its match is unsolved; each trial of a search starts from it
    document: Document  # with a match, its growth rate is the one that was found
    facts: Facts
    plan: NetworkPlan
    summary: Summary
    match: Match | None

    @property
    def experiment(self) -> Experiment:
        """The validated values, with the growth rate that was found."""
        return self.document.experiment


def planned(document: Document, facts: Facts, *, limits: bool = True) -> Planned:
    """Plan a spec's network, solve its ``match`` and check its ``limits`` and what it ``expect``s.

    Raises:
        SpecError: the network does not suit the images, cannot be matched, costs too much or is not the
            expected one; the problems point into the document.
    """
    written, image_shape, classes = document, facts.image_shape, facts.classes
    try:
        _check_task(document.experiment, facts)
        if match := _matched(document.experiment, image_shape, classes):
            document = document.with_growth(match.growth_rate)
        experiment = document.experiment
        plan = plan_network(experiment.network, image_shape, classes)
        summary = summary_of(experiment, plan)
        problems = [*_frozen(experiment, plan), *_sizes(experiment, image_shape, classes)]
        problems += _costs(experiment, summary, limits=limits)
        if problems:
            raise SpecError(problems)
    except SpecError as error:
        raise document.located(error) from None
    return Planned(written, document, facts, plan, summary, match)


def _check_task(experiment: Experiment, facts: Facts) -> None:
    """Refuse a network that does not answer what the data asks: a class per image, or one per pixel."""
    per_pixel = experiment.network.family == "unet"
    if facts.masks in {None, per_pixel}:
        return
    source = experiment.data.source
    if facts.masks:
        expected, hint = f"unet, since every pixel of {source} has a label", "Set network.family: unet."
    else:
        expected = f"densenet, since {source} has one label per image"
        hint = "Set network.family: densenet, or use data with masks: source scenes, masks or npz."
    raise SpecError([Problem("network.family", expected, experiment.network.family, hint)])


def summary_of(experiment: Experiment, plan: NetworkPlan) -> Summary:
    """What a spec's network costs with its batches and its optimizer."""
    training = experiment.training
    images_at_once = -(-training.batch_size // training.accumulate)
    # Muon keeps one number for the convolutions' kernels, which are nearly all parameters that there are.
    slots = 2 if isinstance(training.optimizer, Adam | AdamW) else 1
    return Summary(plan, images_at_once, slots + (training.ema is not None))


def recomputes(experiment: Experiment, plan: NetworkPlan, free_bytes: int) -> bool:
    """Whether a training computes joined features again; ``auto`` does where the free memory is short."""
    if experiment.training.memory != "auto":
        return experiment.training.memory == "recompute"
    # The prediction is within 20 % of the truth.
    return summary_of(experiment, plan).training_memory_bytes > 0.8 * free_bytes


def _matched(experiment: Experiment, image_shape: Shape, classes: int) -> Match | None:
    if (match := experiment.match) is None:
        return None
    figure: Figure = "macs" if match.parameters is None else "parameters"
    target = getattr(match, figure)
    if isinstance(target, str):
        target = _figure_of_spec(target, image_shape, classes, figure)
    return matched(experiment.network, image_shape, classes, figure, target)


def _figure_of_spec(name: str, image_shape: Shape, classes: int, figure: Figure) -> int:
    """What another spec's network has for the same images."""
    where = f"match.{figure}"
    try:
        rival = load(name)
    except SpecError as error:
        problems = [each if each.place else replace(each, where=where) for each in error.problems]
        raise SpecError(problems) from None
    if rival.experiment.match is not None:
        expected, hint = "a spec without a match of its own", "Match what that one matches."
        raise SpecError([Problem(where, expected, name, hint)])
    try:
        return figure_of(rival.experiment.network, image_shape, classes, figure)
    except SpecError as error:
        raise rival.located(error) from None


def _frozen(experiment: Experiment, plan: NetworkPlan) -> Iterator[Problem]:
    """Frozen parts that the network does not have, or too many of them."""
    frozen, parts, where = experiment.training.freeze, plan.parts, "training.freeze"
    if unknown := [part for part in frozen if part not in parts]:
        yield Problem(where, f"parts of the network: {', '.join(parts)}", found=", ".join(unknown))
    elif set(frozen) == set(parts):
        hint = "Leave out at least the head, or evaluate without a training."
        yield Problem(where, "at least one part that is trained", found="all frozen", hint=hint)


def _sizes(experiment: Experiment, image_shape: Shape, classes: int) -> Iterator[Problem]:
    """A crop that can lose the whole image; sizes of early epochs that suit neither images nor network."""
    height, width, channels = image_shape
    augmentation = experiment.training.augmentation
    if augmentation is not None and augmentation.crop >= min(height, width):
        where, expected = "training.augmentation.crop", f"less than the images' {min(height, width)} pixels"
        hint = "It pads so many pixels on each side; the paper takes 4 of 32."
        yield Problem(where, expected, f"{augmentation.crop}", hint)
    for number, stage in enumerate(experiment.training.progressive):
        where, size = f"training.progressive.{number}.image_size", stage.image_size
        if size is None:
            continue
        if size[0] > height or size[1] > width or size == (height, width):
            yield Problem(where, f"smaller than the images, [{height}, {width}]", str(list(size)))
            continue
        try:
            plan_network(experiment.network, (*size, channels), classes)
        except SpecError as error:
            reason = error.problems[0]
            hint = f"{reason.where}: expected {reason.expected}, found {reason.found}."
            yield Problem(where, "a size that the network can be built for", str(list(size)), hint)


def _costs(experiment: Experiment, summary: Summary, *, limits: bool) -> Iterator[Problem]:
    """Where the plan is not what the spec says that it is, or costs more than it may.

    The latter points at the network where the limit is the default one.
    """
    costs = summary.cost
    counted = {"parameters": costs.trainable, "parameters_total": costs.parameters, "macs": costs.macs}
    for field, count in counted.items():
        expected = getattr(experiment.expect, field, None)
        if expected not in {None, count}:
            yield Problem(f"expect.{field}", f"what the plan has: {count:,}", found=f"{expected:,}")
    if not limits:
        return
    limited = {
        "parameters": (costs.trainable, "trainable parameters"),
        "macs": (costs.macs, "multiply-adds for one image"),
        "training_memory_bytes": (summary.training_memory_bytes, "bytes for a training step"),
    }
    for field, (count, what) in limited.items():
        limit = getattr(experiment.limits, field)
        if limit is not None and count > limit:
            where = f"limits.{field}" if field in experiment.limits.model_fields_set else "network"
            hint = f"Make the network smaller, raise limits.{field}, or lift all limits with --no-limits."
            yield Problem(where, f"at most {limit:,} {what}", found=f"{count:,}", hint=hint)
