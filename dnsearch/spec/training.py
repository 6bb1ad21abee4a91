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
    """The last epoch of the stage; below training.epochs."""
    examples: Ratio = 1.0
    """Share of the training images, class by class; a larger share holds the images of a smaller one."""
    image_size: Size | None = None
    """[height, width] that training and validation images are averaged down to. Not for U-Nets."""


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
    """Share of the average kept at each step; over the first steps less, step / (step + 10)."""


Loss = Literal["cross_entropy", "focal", "dice", "cross_entropy_dice"]


class Training(Section):
    """How one training goes."""

    recipe: Recipe | None = None
    """Values to start from, which this section overrides: paper-cifar (300 epochs, SGD, steps),
    paper-cifar-augmented (with flips and crops) or fast (30 epochs, one cycle, averaged weights)."""
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    """Passes over the training images. The paper: 300 on CIFAR, 40 on SVHN."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 64
    """Images per step. The paper: 64; the article: 100."""
    learning_rate: Annotated[float, Field(gt=0, le=100)]
    """The largest learning rate, reached after the warm-up. The paper: 0.1 with SGD; Adam wants about
    0.001."""
    optimizer: Optimizer = Sgd.model_construct(name="sgd")
    """sgd, adam, adamw, lion or muon: its name, or a mapping with name."""
    schedule: Schedule = Constant.model_construct(name="constant")
    """constant, step, cosine, linear or one_cycle: its name, or a mapping with name."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """The learning rate rises in a straight line over the first epochs."""
    loss: Loss = "cross_entropy"
    """cross_entropy: the paper's; focal: hard examples first (Lin et al., 2017, gamma 2); for U-Nets also
    dice: the overlap of each class (Milletari et al., 2016), and cross_entropy_dice: the sum of the two."""
    label_smoothing: Rate = 0.0
    """Share of each label spread over all classes. Not with loss: dice."""
    augmentation: Augmentation | None = None
    """Vary the training images, anew in every epoch. The paper on C10+: {flip: horizontal, crop: 4}."""
    class_weights: (
        Literal["balanced"] | Annotated[dict[str, Annotated[float, Field(ge=0, le=1e6)]], Field(min_length=1)]
    ) | None = Field(
        None,
        description="Weights of the classes in the training loss. balanced: images / (classes x images of "
        "the class); or a mapping from a class (its name, or its number from 0) to its weight, 1 for others.",
    )
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Scale the gradient of all weights together down to this Euclidean norm, before coupled decay is
    added."""
    accumulate: Annotated[int, Field(ge=1, le=65_536)] = 1
    """Work through each batch in so many parts, for less memory; their gradients add up. BatchNorm sees each
    part by itself. 1 with dice."""
    ema: Averaging | None = None
    """Average the weights over the steps; validation and everything after the training has the averages."""
    freeze: tuple[str, ...] = ()
    """Parts that are not trained, such as stem, block1, transition1 or head; their BatchNorms use their
    moving statistics. With start_from."""
    progressive: tuple[Stage, ...] = Field((), max_length=32)
    """Stages at the beginning that see fewer or smaller images, for less time (Tan and Le, 2021)."""
    early_stopping: EarlyStopping | None = None
    """Stop early; with progressive, by the epochs after its last stage."""
    start_from: str | None = Field(None, min_length=1)
    """A run folder whose weights to start from. Layers whose shape differs start afresh and are named."""
    memory: Literal["auto", "plain", "recompute"] = "auto"
    """plain: keep all that the backward pass reads; recompute: compute concatenations, BatchNorms and
    activations again (Pleiss et al., 2017): a half to a third of the memory, a fifth slower, the same
    results; auto: plain where that fits."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """float32, mixed_bfloat16 or mixed_float16. Mixed: convolutions and features have 16 bits, faster on a
    GPU and half the memory; weights, statistics and the loss keep 32."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Compile the network by XLA: slow to start, then faster on a GPU. auto: on a GPU, unless deterministic;
    on; off."""
    devices: Literal["one", "all"] = "one"
    """one: the first GPU, or the processor; all: each GPU takes an equal share of every batch."""
    deterministic: bool = False
    """Give the same bits every time on a GPU, too; possibly slower, without XLA. Runs on a processor are
    identical anyway."""
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
