"""What each operation puts out, costs and sees; what a plan costs and sees in all."""

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple, assert_never

from dnsearch.plan import graph
from dnsearch.plan.graph import NetworkPlan, Node, Operation, Shape


def output_shape(operation: Operation, inputs: Sequence[Shape]) -> Shape:
    """Shape of the output, without the batch.

    >>> output_shape(graph.Pool("avg", size=2, stride=2, padding=0), [(33, 33, 24)])
    (16, 16, 24)
    """
    match operation:
        case graph.BatchNorm() | graph.Activation() | graph.Dropout():
            return inputs[0]
        case graph.Convolution(filters, kernel, stride):
            return (*_swept(inputs[0], kernel, stride, operation.padding), filters)
        case graph.Concatenate():
            return (*inputs[0][:-1], sum(shape[-1] for shape in inputs))
        case graph.Pool(_, size, stride, padding):
            return (*_swept(inputs[0], size, stride, padding), inputs[0][-1])
        case graph.TransposedConvolution(filters):
            return (2 * inputs[0][0], 2 * inputs[0][1], filters)
        case graph.SpaceToDepth(size):
            height, width, channels = inputs[0]
            return (height // size, width // size, channels * size * size)
        case graph.Crop(height, width):
            return (height, width, inputs[0][-1])
        case graph.GlobalAverage():
            return inputs[0][-1:]
        case graph.Classifier(classes):
            return (classes,)
        case graph.Input(shape):
            return shape
        case _:
            assert_never(operation)


def _swept(shape: Shape, window: int, stride: int, padding: int) -> tuple[int, ...]:
    """How many positions a window has along height and width; what does not fill a last step is left out."""
    return tuple((side + 2 * padding - window) // stride + 1 for side in shape[:2])


class Cost(NamedTuple):
    """The cost of a node, a part or a whole network, for one image.

    A named tuple, since a space is measured by millions of them; a frozen dataclass takes thrice as long.

    Args:
        trainable: trainable parameters.
        other: parameters that are not trained: BatchNorm's moving statistics.
        macs: multiply-adds of convolutions and the classifier only, as in the papers; biases, normalisation,
            activations and poolings are left out.
        output_elements: numbers that the nodes put out, all together.
    """

    trainable: int
    other: int
    macs: int
    output_elements: int

    @property
    def parameters(self) -> int:
        """All parameters, as Keras counts them."""
        return self.trainable + self.other


def node_cost(plan: NetworkPlan, node: Node) -> Cost:
    """The cost of one node of the plan."""
    elements = prod(node.shape)
    match node.operation:
        case graph.BatchNorm():
            return Cost(2 * node.shape[-1], 2 * node.shape[-1], 0, elements)
        case graph.Convolution(filters, kernel, _, bias):
            weights = kernel * kernel * plan.nodes[node.inputs[0]].shape[-1] * filters
            return Cost(weights + bias * filters, 0, elements // filters * weights, elements)
        case graph.TransposedConvolution(filters, kernel, bias):
            height, width, channels = plan.nodes[node.inputs[0]].shape
            weights = kernel * kernel * channels * filters
            return Cost(weights + bias * filters, 0, height * width * weights, elements)
        case graph.Classifier(classes):
            weights = plan.nodes[node.inputs[0]].shape[-1] * classes
            return Cost(weights + classes, 0, weights, elements)
        case graph.Activation(kind="prelu"):
            return Cost(node.shape[-1], 0, 0, elements)
        case graph.Input() | graph.Activation() | graph.Pool() | graph.SpaceToDepth() | graph.Crop():
            return Cost(0, 0, 0, elements)
        case graph.Dropout() | graph.Concatenate() | graph.GlobalAverage():
            return Cost(0, 0, 0, elements)
        case _:
            assert_never(node.operation)


def cost(plan: NetworkPlan) -> Cost:
    """The cost of the whole network.

    >>> from dnsearch.plan.densenet import densenet
    >>> from dnsearch.spec.document import load
    >>> cost(densenet(load("article").experiment.network, (32, 32, 3), 10)).parameters
    504052
    """
    return total(node_cost(plan, node) for node in plan.nodes)


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    return Cost(*map(sum, zip(*costs, strict=True)))


class Field(NamedTuple):
    """What one pixel of a feature map sees, in image pixels; exact: strides are only doubled and halved."""

    receptive_field: float  # side of the square that it depends on at most
    stride: float  # from its neighbours


def output_field(plan: NetworkPlan) -> Field:
    """The widest field of the plan's feature maps, and the stride of the last one."""
    fields: list[Field] = []
    for node in plan.nodes:
        widest = max((fields[position] for position in node.inputs), default=Field(1.0, 1.0))
        fields.append(_field(node.operation, widest))
    maps = [field for node, field in zip(plan.nodes, fields, strict=True) if len(node.shape) == 3]
    return Field(max(maps).receptive_field, maps[-1].stride)


def _field(operation: Operation, widest: Field) -> Field:
    seen, stride = widest
    match operation:
        case graph.Convolution(kernel=window, stride=step) | graph.Pool(size=window, stride=step):
            return Field(seen + (window - 1) * stride, stride * step)
        case graph.SpaceToDepth(size):
            return Field(seen + (size - 1) * stride, stride * size)
        case graph.TransposedConvolution(kernel=kernel):
            return Field(seen + ((kernel + 1) // 2 - 1) * stride, stride / 2)
        case _:
            return widest
