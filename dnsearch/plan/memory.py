"""What a network needs to be kept in memory: for one training step, and for inference.

Plain training keeps, for the backward pass, the output of every operation but activations and dropout, which
work in place: for each pre-activated convolution the joined features, the normalised ones and the
convolution's own. With ``memory: recompute`` (Pleiss et al., 2017, arXiv 1707.06990) joined and normalised
features that a convolution right behind them reads are not kept; they are computed again.
"""

from collections import Counter
from itertools import chain
from math import prod

from dnsearch.plan.graph import Activation, BatchNorm, Concatenate, Convolution, Dropout, NetworkPlan, Node

FLOAT_BYTES = 4
IN_PLACE = (Activation, Dropout)
OVERWRITING = (*IN_PLACE, BatchNorm)
"""What can put its output where its input was: one number in, one number out."""

START_BYTES, NODE_BYTES = 28_000_000, 300_000
"""What a first training step takes whatever the network, and for each node of its plan."""
COPIES = 9
"""How many numbers there are per parameter, beside the optimizer's."""
GRADIENTS = 2.75
"""What is alive beside the numbers kept, as a share of the inference peak."""


def kept_plain(plan: NetworkPlan) -> list[int]:
    """For each node the numbers that plain training keeps of it for the backward pass, for one image."""
    return [0 if isinstance(node.operation, IN_PLACE) else prod(node.shape) for node in plan.nodes]


def kept_recomputing(plan: NetworkPlan) -> list[int]:
    """The same for training with ``memory: recompute``."""
    recomputed = recomputed_nodes(plan)
    return [0 if node in recomputed else elements for node, elements in enumerate(kept_plain(plan))]


def recomputed_nodes(plan: NetworkPlan) -> set[int]:
    """Positions of joined and normalised features that recomputing training computes again.

    They start from a concatenation that only they read and end at a convolution.
    """
    readers = Counter(chain.from_iterable(node.inputs for node in plan.nodes))
    found: set[int] = set()
    for position, node in enumerate(plan.nodes):
        if isinstance(node.operation, BatchNorm) and _joins_and_convolves(plan, position, readers):
            found |= {position, node.inputs[0]}
    return found


def _joins_and_convolves(plan: NetworkPlan, norm: int, readers: Counter[int]) -> bool:
    """Whether a BatchNorm reads a concatenation alone and leads to a convolution through an activation."""
    joined = plan.nodes[norm].inputs[0]
    if not isinstance(plan.nodes[joined].operation, Concatenate) or readers[joined] > 1:
        return False
    behind = plan.nodes[norm + 1 : norm + 3]
    kinds = [type(node.operation) for node in behind]
    return kinds == [Activation, Convolution] and [node.inputs for node in behind] == [(norm,), (norm + 1,)]


def inference_peak(plan: NetworkPlan) -> int:
    """The most numbers alive at once for one image: freed after their last reader, activations in place."""
    sizes = [prod(node.shape) for node in plan.nodes]
    last_reader = {position: number for number, node in enumerate(plan.nodes) for position in node.inputs}
    freed = [0] * len(sizes)
    for position, number in last_reader.items():
        freed[number] += sizes[position]
    alive = peak = 0
    for number, node in enumerate(plan.nodes):
        if not _overwrites(number, node, last_reader):
            peak = max(peak, alive + sizes[number])
        alive += sizes[number] - freed[number]
    return peak


def _overwrites(number: int, node: Node, last_reader: dict[int, int]) -> bool:
    """Whether an operation can put its output where its input was."""
    return isinstance(node.operation, OVERWRITING) and last_reader[node.inputs[0]] == number


def training_bytes(nodes: int, parameters: int, kept: int, peak: int, batch_size: int, slots: int) -> int:
    """The most that a process grows by while it trains in float32 on a processor.

    What is kept for the backward pass is exact. What comes on top (the graph, copies of the parameters, the
    gradients of the features at hand) was fitted to eighteen trainings of 0.06 to 3.2 GB, plain and with
    recomputing, and the sum is within 11 % of what they took (``tests/benchmarks/memory.json``).

    Args:
        nodes: nodes of the plan.
        parameters: all its parameters.
        kept: numbers kept for the backward pass, for one image.
        peak: the inference peak, for one image.
        batch_size: images that are worked through at once.
        slots: numbers that the optimizer keeps per trainable parameter; SGD with momentum 1, Adam 2.
    """
    numbers = kept * batch_size + round(GRADIENTS * peak) * batch_size
    numbers += parameters * (COPIES + slots)
    return START_BYTES + NODE_BYTES * nodes + FLOAT_BYTES * numbers
