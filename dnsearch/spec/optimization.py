"""The optimizers and the learning rate schedules of the ``training`` section: one class for each."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from dnsearch.errors import Problem
from dnsearch.spec.section import Fraction, Rate, Section, Share

Decayed = Annotated[
    Literal["all", "kernels"],
    Field(
        description="What decays. all: every variable (the paper); kernels: those of the convolutions and "
        "the classifier alone."
    ),
]

DECOUPLED = "Decoupled decay: learning rate x weight_decay x weight is taken off the weight."


class Sgd(Section):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = Field("sgd", description="The optimizer.")
    momentum: Rate = Field(0.9, description="Share of the last step kept. The paper: 0.9.")
    nesterov: bool = Field(True, description="Nesterov's momentum. The paper: true.")
    weight_decay: Share = Field(0.0, description="Decay of the weights. The paper: 1e-4, coupled.")
    decay: Literal["coupled", "decoupled"] = "coupled"
    """coupled: weight_decay x weight is added to the gradient (Torch's SGD, the paper); decoupled: learning
    rate x weight_decay x weight is taken off the weight."""
    decayed: Decayed = "all"


class Adam(Section):
    """Adam (Kingma and Ba, 2015)."""

    name: Literal["adam"] = Field(description="The optimizer.")
    beta_1: Rate = Field(0.9, description="Decay of the gradient's mean.")
    beta_2: Rate = Field(0.999, description="Decay of the squared gradient's mean.")
    epsilon: float = Field(1e-7, gt=0, le=0.1, description="Added to the denominator; Keras' default.")
    weight_decay: Share = 0.0
    """Coupled decay, added to the gradient; for decoupled decay choose adamw."""
    decayed: Decayed = "all"


class AdamW(Section):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    name: Literal["adamw"] = Field(description="The optimizer.")
    beta_1: Rate = Field(0.9, description="Decay of the gradient's mean.")
    beta_2: Rate = Field(0.999, description="Decay of the squared gradient's mean.")
    epsilon: float = Field(1e-7, gt=0, le=0.1, description="Added to the denominator; Keras' default.")
    weight_decay: Share = Field(0.01, description=DECOUPLED)
    decayed: Decayed = "all"


class Lion(Section):
    """Lion: steps of one size, by the sign of a momentum (Chen et al., 2023, arXiv 2302.06675)."""

    name: Literal["lion"] = Field(description="The optimizer.")
    beta_1: Rate = Field(0.9, description="Share of the momentum in the step's direction.")
    beta_2: Rate = Field(0.99, description="Decay of the momentum.")
    weight_decay: Share = Field(
        0.0,
        description=f"{DECOUPLED} Lion's learning rate is 3 to 10 times smaller "
        "than adamw's, its decay that much larger.",
    )
    decayed: Decayed = "all"


class Muon(Section):
    """Muon for the inner convolutions' kernels (Jordan et al., 2024; Liu et al., 2025, arXiv 2502.16982).

    The first convolution, the last layer, BatchNorm's variables, biases and learned slopes are AdamW's. The
    learning rate is about AdamW's.
    """

    name: Literal["muon"] = Field(description="The optimizer.")
    momentum: Rate = Field(0.95, description="Share of the last step kept, Nesterov's.")
    weight_decay: Share = Field(0.01, description=DECOUPLED)
    decayed: Decayed = "all"


Optimizer = Annotated[Sgd | Adam | AdamW | Lion | Muon, Field(discriminator="name")]


class Constant(Section):
    """The learning rate stays as it is."""

    name: Literal["constant"] = Field("constant", description="The schedule.")


class Step(Section):
    """The learning rate is multiplied by a factor at some points."""

    name: Literal["step"] = Field(description="The schedule.")
    at: tuple[Fraction, ...] = Field((0.5, 0.75), min_length=1, max_length=32)
    """When, as shares of the training, rising. The paper: [0.5, 0.75]."""
    factor: Fraction = Field(0.1, description="What the learning rate is multiplied by. The paper: 0.1.")

    def misfits(self) -> Iterator[Problem]:
        """Points that do not rise."""
        if list(self.at) != sorted(set(self.at)):
            yield Problem("at", "numbers that rise", found=str(list(self.at)))


class Cosine(Section):
    """The learning rate falls along half a cosine (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"] = Field(description="The schedule.")
    final_fraction: Share = Field(0.0, description="Share of the learning rate left at the end.")


class Linear(Section):
    """The learning rate falls in a straight line."""

    name: Literal["linear"] = Field(description="The schedule.")
    final_fraction: Share = Field(0.0, description="Share of the learning rate left at the end.")


class OneCycle(Section):
    """The learning rate rises in a straight line and falls in another (Smith and Topin, arXiv 1708.07120)."""

    name: Literal["one_cycle"] = Field(description="The schedule.")
    initial_fraction: Share = 0.1
    """Share of the learning rate at the first step. Smith and Topin: 0.1."""
    peak_at: Fraction = 0.3
    """When the learning rate is reached, as a share of the training."""
    final_fraction: Share = Field(0.0, description="Share of the learning rate at the last step.")


Schedule = Annotated[Constant | Step | Cosine | Linear | OneCycle, Field(discriminator="name")]
