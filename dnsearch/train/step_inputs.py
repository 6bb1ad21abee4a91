"""Numbers of a spec that a compiled step reads anew each time, so that runs that differ in them can share it.

Whether such a number is 0 decides what is computed at all (no decay, no momentum), so that must be the same.
The slope of leaky_relu is none of them: TensorFlow's kernels have it as an attribute, and without those a
step is slower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dnsearch.plan.graph import Dropout, NetworkPlan, Operation
from dnsearch.spec.optimization import Muon, Sgd
from dnsearch.spec.training import Training

Inputs = Mapping[str, float | tuple[float, ...]]
"""Each number by its name; the weights of the classes are several."""

IRRELEVANT = (
    *("seed", "learning_rate", "schedule", "warmup_epochs", "epochs"),  # no part of a step, or given to it
    *("label_smoothing", "class_weights"),  # inputs
)


def step_inputs(training: Training, class_weights: Sequence[float] | None, dropout: float) -> Inputs:
    """The numbers of a training; 0 or () of what it has not.

    >>> step_inputs(Training(epochs=1, batch_size=8, learning_rate=0.1), None, 0.2)["momentum"]
    0.9
    """
    optimizer = training.optimizer
    return {
        "dropout": dropout,
        "momentum": optimizer.momentum if isinstance(optimizer, Sgd | Muon) else 0.0,
        "weight_decay": optimizer.weight_decay,
        "label_smoothing": training.label_smoothing,
        "ema_decay": training.ema.decay if training.ema else 0.0,
        "class_weights": tuple(class_weights or ()),
    }


def compiled_for(plan: NetworkPlan, training: Training, inputs: Inputs) -> tuple[object, ...]:
    """What a step is compiled for: all that is not an input of it, and which inputs there are."""
    nodes = (node._replace(operation=_any_rate(node.operation)) for node in plan.nodes)
    optimizer = training.optimizer
    numbers = {"weight_decay", "momentum"} & type(optimizer).model_fields.keys()
    others = {
        "optimizer": optimizer.model_copy(update=dict.fromkeys(numbers, 0.0)),
        "ema": training.ema is not None,
    }
    training = training.model_copy(update=dict.fromkeys(IRRELEVANT) | others)
    present = tuple(name for name, value in inputs.items() if value not in {0.0, ()})
    return replace(plan, nodes=tuple(nodes)), training, present


def _any_rate(operation: Operation) -> Operation:
    return Dropout(0.5) if isinstance(operation, Dropout) else operation
