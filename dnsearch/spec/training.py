"""The ``training`` section: optimizer, schedule, length and seed of one training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import Section, refuse

Share = Annotated[float, Field(ge=0, lt=1)]
Decay = Annotated[float, Field(ge=0, le=1)]


class Sgd(Section):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = Field("sgd", description="The optimizer.")
    momentum: Share = Field(0.9, description="Share of the last step kept. The paper: 0.9.")
    nesterov: bool = Field(True, description="Nesterov's momentum. The paper: true.")
    weight_decay: Decay = Field(
        0.0, description="Decay of every variable, BatchNorm's included. The paper: 1e-4, coupled."
    )
    decay: Literal["coupled", "decoupled"] = Field(
        "coupled",
        description="coupled: weight_decay x weight is added to the gradient (L2 regularisation with half "
        "that factor; what Torch's SGD and the paper do); decoupled: learning rate x weight_decay x weight "
        "is taken off the weight.",
    )


class Adam(Section):
    """Adam (Kingma and Ba, 2015)."""

    name: Literal["adam"] = Field(description="The optimizer.")
    beta_1: Share = Field(0.9, description="Decay of the gradient's mean.")
    beta_2: Share = Field(0.999, description="Decay of the squared gradient's mean.")
    epsilon: float = Field(1e-7, gt=0, le=0.1, description="Added to the denominator; Keras' default.")
    weight_decay: Decay = Field(
        0.0, description="Coupled decay, added to the gradient; for decoupled decay choose adamw."
    )


class AdamW(Section):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    name: Literal["adamw"] = Field(description="The optimizer.")
    beta_1: Share = Field(0.9, description="Decay of the gradient's mean.")
    beta_2: Share = Field(0.999, description="Decay of the squared gradient's mean.")
    epsilon: float = Field(1e-7, gt=0, le=0.1, description="Added to the denominator; Keras' default.")
    weight_decay: Decay = Field(
        0.01, description="Decoupled decay: learning rate x weight_decay x weight is taken off the weight."
    )


Optimizer = Annotated[Sgd | Adam | AdamW, Field(discriminator="name")]


class Constant(Section):
    """The learning rate stays as it is."""

    name: Literal["constant"] = Field("constant", description="The schedule.")


class Step(Section):
    """The learning rate is multiplied by a factor at some points."""

    name: Literal["step"] = Field(description="The schedule.")
    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.5, 0.75),
        min_length=1,
        max_length=32,
        description="When, as shares of the training, rising. The paper: [0.5, 0.75].",
    )
    factor: float = Field(
        0.1, gt=0, lt=1, description="What the learning rate is multiplied by. The paper: 0.1."
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.at) != sorted(set(self.at)):
            raise refuse(Problem("at", "numbers that rise", found=str(list(self.at))))
        return self


class Cosine(Section):
    """The learning rate falls along half a cosine (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"] = Field(description="The schedule.")
    final_fraction: float = Field(0.0, ge=0, le=1, description="Share of the learning rate left at the end.")


Schedule = Annotated[Constant | Step | Cosine, Field(discriminator="name")]


class EarlyStopping(Section):
    """Stop when the validation accuracy no longer rises."""

    patience: int = Field(
        ge=1, le=100_000, description="Epochs without improvement before the training stops."
    )
    minimum_delta: float = Field(
        0.0, ge=0, le=1, description="A smaller rise of the accuracy does not count."
    )


class Training(Section):
    """How one training goes."""

    epochs: int = Field(
        ge=1,
        le=100_000,
        description="Passes over the training images. The paper: 300 on CIFAR, 40 on SVHN; the article: 10.",
    )
    batch_size: int = Field(
        64, ge=1, le=65_536, description="Images per step. The paper: 64; the article: 100."
    )
    learning_rate: float = Field(
        gt=0,
        le=100,
        description="The largest learning rate, reached after the warm-up. The paper: 0.1 with SGD; Adam "
        "wants about 0.001.",
    )
    optimizer: Optimizer = Field(
        Sgd(name="sgd"),
        description="sgd, adam or adamw; the name alone takes its defaults, a mapping with name sets more.",
    )
    schedule: Schedule = Field(
        Constant(name="constant"),
        description="constant, step or cosine; the name alone takes its defaults, a mapping with name sets "
        "more.",
    )
    warmup_epochs: float = Field(
        0.0,
        ge=0,
        description="The learning rate rises in a straight line over the first epochs. The paper: 0.",
    )
    label_smoothing: Share = Field(
        0.0, description="Share of each label spread over all classes. The paper: 0."
    )
    early_stopping: EarlyStopping | None = Field(
        None, description="Stop early. null: train all epochs, as in the paper."
    )
    start_from: str | None = Field(
        None,
        min_length=1,
        description="Weights to start from: a run folder, relative to where dnsearch is started. Layers "
        "whose shape differs (the classifier, for other classes) start afresh and are named. null: all start "
        "afresh.",
    )
    seed: int = Field(
        0, ge=0, lt=2**32, description="Seed of the first weights, the order of the images and dropout."
    )
    deterministic: bool = Field(
        False,
        description="true: TensorFlow uses operations that give the same bits every time, so two runs of one "
        "spec on one machine end with identical weights on a GPU too; that may be slower, and XLA is off. "
        "false: as fast as can be. On a processor both are as fast, and runs are identical either way.",
    )

    @model_validator(mode="after")
    def _warmup_fits(self) -> Self:
        if self.warmup_epochs > self.epochs:
            raise refuse(
                Problem(
                    "warmup_epochs",
                    f"at most the {self.epochs} epochs of the training",
                    found=f"{self.warmup_epochs:g}",
                )
            )
        return self
