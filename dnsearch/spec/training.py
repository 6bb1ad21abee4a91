"""The ``training`` section: length, stages, loss and seed of one training.

A stage of ``progressive`` lasts from the end of the one before it up to and including its last epoch. Of 9
epochs, ``[{epochs: 3, examples: 0.5}, {epochs: 6, image_size: [24, 24]}]`` gives the first three half of the
images, the next three all of them at 24x24, and the last three all images as they are.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Annotated, Literal

from pydantic import Field

from dnsearch.errors import Problem
from dnsearch.spec.augmentation import Augmentation
from dnsearch.spec.optimization import Constant, OneCycle, Optimizer, Schedule, Sgd
from dnsearch.spec.section import Rate, Ratio, Section, Seed, Share, Side

Size = tuple[Side, Side]


class Stage(Section):
    """Epochs at the beginning of a training that cost less."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    """The last epoch of the stage, counted from the training's first; below training.epochs."""
    examples: Ratio = 1.0
    """Share of the training images, class by class and at least two; a larger share holds the images of a
    smaller one. The paper: 1."""
    image_size: Size | None = None
    """[height, width] that training and validation images are averaged down to. null: as they are, as in the
    paper. Not for U-Nets."""


def share_at(stages: Sequence[Stage], epoch: int) -> float:
    """The share of the training images that an epoch sees.

    >>> [share_at((Stage(epochs=2, examples=0.5),), epoch) for epoch in (1, 2, 3)]
    [0.5, 0.5, 1.0]
    """
    return next((stage.examples for stage in stages if epoch <= stage.epochs), 1.0)


def epochs_by_size(stages: Sequence[Stage], epochs: int) -> Iterator[tuple[range, Size | None]]:
    """The epochs of a training of so many, parted where the size of its images changes.

    >>> small = Stage(epochs=2, image_size=(4, 4))
    >>> list(epochs_by_size((small, Stage(epochs=4, examples=0.5)), 9))
    [(range(1, 3), (4, 4)), (range(3, 10), None)]
    """
    bounds = pairwise([1, *(stage.epochs + 1 for stage in stages), epochs + 1])
    sizes = [*(stage.image_size for stage in stages), None]
    for size, parts in groupby(zip(bounds, sizes, strict=True), key=itemgetter(1)):
        (first, end), *others = (bound for bound, _ in parts)
        yield range(first, others[-1][1] if others else end), size


def in_words(stages: Sequence[Stage]) -> str:
    """What the stages ask for, in a line.

    >>> in_words((Stage(epochs=3, examples=0.5, image_size=(16, 16)), Stage(epochs=5, image_size=(24, 24))))
    'to epoch 3: 50 % of the images at 16x16; to epoch 5: all images at 24x24; then all as they are'
    """
    words = ""
    for stage in stages:
        images = "all images" if stage.examples == 1 else f"{100 * stage.examples:.3g} % of the images"
        size = f" at {stage.image_size[0]}x{stage.image_size[1]}" if stage.image_size else ""
        words += f"to epoch {stage.epochs}: {images}{size}; "
    return f"{words}then all as they are"


def _ill_placed(stages: Sequence[Stage], epochs: int) -> Iterator[Problem]:
    """What is wrong with the stages of a training of so many epochs."""
    ends, images = 0, tuple[float, Size | None]((1.0, None))
    for number, stage in enumerate(stages):
        where, found = f"progressive.{number}", str(stage.epochs)
        if stage.epochs >= epochs:
            expected = f"less than the training's {epochs} epochs: its last ones see all images as they are"
            yield Problem(f"{where}.epochs", expected, found)
        elif stage.epochs <= ends:
            yield Problem(f"{where}.epochs", f"more than {ends}, where the stage before it ends", found)
        if (stage.examples, stage.image_size) == (1, None):
            hint = "Set examples below 1 or an image_size, or leave the stage out."
            yield Problem(where, "expected fewer or smaller images; this stage changes nothing", hint=hint)
        elif (stage.examples, stage.image_size) == images:
            hint = "Make one stage of the two."
            yield Problem(where, "expected other images than in the stage before it", hint=hint)
        ends, images = stage.epochs, (stage.examples, stage.image_size)


OF_PIXELS = ("dice", "cross_entropy_dice")
"""Losses that need masks."""

Recipe = Literal["paper-cifar", "paper-cifar-augmented", "fast"]


class EarlyStopping(Section):
    """Stop when the validation accuracy, of a U-Net the mean IoU, no longer rises."""

    patience: Annotated[int, Field(ge=1, le=100_000)]
    """Epochs without improvement before the training stops."""
    minimum_delta: Share = 0.0
    """A smaller rise of the accuracy or mean IoU does not count."""


class Averaging(Section):
    """A moving average of the weights, which is what is validated and kept (Polyak and Juditsky, 1992)."""

    decay: Rate = 0.999
    """Share of the average kept at each step. Over the first steps it is less, step / (step + 10) with steps
    counted from 0, so that the first weights are soon forgotten."""


class Training(Section):
    """How one training goes."""

    recipe: Recipe | None = None
    """Values to start from; this section overrides them: paper-cifar (300 epochs, SGD, steps),
    paper-cifar-augmented (the same with flips and crops) or fast (30 epochs, one cycle, averaged weights).
    null: none."""
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    """Passes over the training images. The paper: 300 on CIFAR, 40 on SVHN; the article: 10."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 64
    """Images per step. The paper: 64; the article: 100."""
    learning_rate: Annotated[float, Field(gt=0, le=100)]
    """The largest learning rate, reached after the warm-up. The paper: 0.1 with SGD; Adam wants about
    0.001."""
    optimizer: Optimizer = Sgd.model_construct(name="sgd")
    """sgd, adam, adamw, lion or muon; the name alone takes its defaults, a mapping with name sets more."""
    schedule: Schedule = Constant.model_construct(name="constant")
    """constant, step, cosine, linear or one_cycle; the name alone takes its defaults, a mapping with name
    sets more."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """The learning rate rises in a straight line over the first epochs. The paper: 0."""
    loss: Literal["cross_entropy", "focal", "dice", "cross_entropy_dice"] = "cross_entropy"
    """What is minimised. cross_entropy: the paper's; focal: the same, hard examples first (Lin et al., 2017,
    arXiv 1708.02002, gamma 2); for U-Nets also dice: the overlap of each class (Milletari et al., 2016, arXiv
    1606.04797), and cross_entropy_dice: the sum of the two."""
    label_smoothing: Rate = 0.0
    """Share of each label spread over all classes. The paper: 0. Not with loss: dice."""
    augmentation: Augmentation | None = None
    """Vary the training images, anew in every epoch. null: not at all. The paper on C10+ and C100+: {flip:
    horizontal, crop: 4}."""
    class_weights: (
        Literal["balanced"] | Annotated[dict[str, Annotated[float, Field(ge=0, le=1e6)]], Field(min_length=1)]
    ) | None = Field(
        None,
        description="What each image's (of a mask, each pixel's) training loss is multiplied by; in dice, "
        "what each class counts in the mean. balanced: images / (classes x images of its class), of the "
        "training images; a mapping of a class (its name, or its number from 0) to a weight: the others have "
        "1. null: all have 1, as in the paper.",
    )
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Scale the gradient of all weights together down to this Euclidean norm where it is longer; before
    coupled decay is added. null: never, as in the paper."""
    accumulate: Annotated[int, Field(ge=1, le=65_536)] = 1
    """Parts that a batch is worked through in, one after the other, for less memory; their gradients add up
    to the batch's. BatchNorm sees each part for itself. At most batch_size; 1 with dice, whose parts do not
    add up."""
    ema: Averaging | None = None
    """Average the weights and moving statistics over the steps; validation and everything after the training
    has the averages. null: the last weights, as in the paper."""
    freeze: tuple[str, ...] = ()
    """Parts of the network that are not trained, such as stem, block1, transition1 or head; their BatchNorms
    use their moving statistics, which stay as they are. For fine-tuning, with start_from."""
    progressive: tuple[Stage, ...] = Field((), max_length=32)
    """Stages at the beginning that see fewer images or smaller ones, for less time (Tan and Le, 2021, arXiv
    2104.00298). []: all images as they are in all epochs, as in the paper."""
    early_stopping: EarlyStopping | None = None
    """Stop early; with progressive, by the epochs after its last stage alone. null: train all epochs, as in
    the paper."""
    start_from: str | None = Field(None, min_length=1)
    """Weights to start from: a run folder, relative to where dnsearch is started. Layers whose shape differs
    (the classifier, for other classes) start afresh and are named. null: all start afresh."""
    memory: Literal["auto", "plain", "recompute"] = "auto"
    """plain: keep all that the backward pass reads; recompute: compute concatenations, their BatchNorms and
    activations again there (Pleiss et al., 2017, arXiv 1707.06990), for a half to a third of the memory, a
    fifth slower; auto: plain where that fits into the free memory. The results are the same to the last
    bit."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """What the layers compute in. mixed_bfloat16, mixed_float16: convolutions and features have 16 bits,
    which is faster on a GPU and takes half the memory; weights, BatchNorm's statistics, the loss and what is
    saved keep 32. mixed_float16 scales the loss as it goes, for what is too small for it. The paper:
    float32."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Whether XLA compiles the network's pass and its gradient: slow to start, then faster on a GPU. auto: on
    a GPU, unless deterministic; on: always; off: never."""
    devices: Literal["one", "all"] = "one"
    """one: the first GPU, or the processor where there is none; all: each GPU takes an equal share of every
    batch, normalises it by itself, and the gradients are added up."""
    deterministic: bool = False
    """true: TensorFlow uses operations that give the same bits every time, so two runs of one spec on one
    machine end with identical weights on a GPU too; that may be slower, and XLA is off. false: as fast as can
    be. On a processor both are as fast, and runs are identical either way."""
    seed: Seed = Field(0, description="Seed of the first weights, the order of the images and dropout.")

    def misfits(self) -> Iterator[Problem]:
        """Values that contradict each other."""
        yield from _ill_placed(self.progressive, self.epochs)
        if self.warmup_epochs > self.epochs:
            expected = f"at most the {self.epochs} epochs of the training"
            yield Problem("warmup_epochs", expected, found=f"{self.warmup_epochs:g}")
        elif self.warmup_epochs and isinstance(self.schedule, OneCycle):
            expected, hint = "0 with one_cycle, which rises by itself", "Set schedule.peak_at instead."
            yield Problem("warmup_epochs", expected, f"{self.warmup_epochs:g}", hint)
        if self.accumulate > self.batch_size:
            yield Problem("accumulate", f"at most batch_size, {self.batch_size}", str(self.accumulate))
        if self.loss in OF_PIXELS and self.accumulate > 1:
            expected = f"1 with loss {self.loss}: Dice is a ratio over the whole batch"
            yield Problem("accumulate", expected, str(self.accumulate), "Lower batch_size instead.")
        if self.loss == "dice" and self.label_smoothing:
            expected, hint = "0 with loss dice", "Smooth with cross_entropy_dice, or leave it out."
            yield Problem("label_smoothing", expected, f"{self.label_smoothing:g}", hint)
        if self.loss in OF_PIXELS and self.devices == "all":
            expected = f"one with loss {self.loss}: Dice is a ratio over the whole batch"
            yield Problem("devices", expected, "all")
        if self.xla == "on" and self.deterministic:
            expected, hint = "auto or off with deterministic: true", "XLA does not promise the same bits."
            yield Problem("xla", expected, "on", hint)
