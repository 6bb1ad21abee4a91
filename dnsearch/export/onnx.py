"""A trained network as an ONNX graph, written node by node from the plan, without a converter.

Inputs and outputs have the channels last, as everywhere else; inside, ONNX has them first.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dnsearch.export.stock import BATCH_NORM, Arrays, TrainedWeights
from dnsearch.plan import graph
from dnsearch.plan.graph import Node

OPSET = 20  # the first with Gelu; ONNX Runtime reads it since 1.17
IR_VERSION = 9  # the file format that belongs to the opset: older runtimes refuse a later one
FIRST = "channels_first"  # what the network's first node reads: scaled pixels


def write_onnx(network: TrainedWeights, folder: Path) -> None:
    """Write ``model.onnx``: from raw pixels ``images`` to ``logits`` and ``probabilities``."""
    nodes = network.plan.nodes
    names = [FIRST, *(node.name for node in nodes[1:])]
    writer = _Graph()
    writer.scaled(network.offset, network.scale)
    for node in nodes[1:]:
        writer.node(node, [names[position] for position in node.inputs], network.weights[node.name])
    made = {"opset_imports": [helper.make_opsetid("", OPSET)], "ir_version": IR_VERSION}
    model = helper.make_model(writer.graph(network), producer_name="dnsearch", **made)
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, folder / "model.onnx")


class _Graph:
    """Collects nodes and constants; a node's output has the plan's name for it."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:  # noqa: ANN401  (whatever ONNX takes)
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def scaled(self, offset: Sequence[float], scale: Sequence[float]) -> None:
        self._add("Cast", ["images"], "pixels", to=TensorProto.FLOAT)
        self._add("Sub", ["pixels", self._constant("offset", np.asarray(offset, np.float32))], "centred")
        self._add("Div", ["centred", self._constant("scale", np.asarray(scale, np.float32))], "scaled")
        self._add("Transpose", ["scaled"], FIRST, perm=[0, 3, 1, 2])

    def node(self, node: Node, inputs: list[str], arrays: Arrays) -> None:
        """Add what one node of the plan does, with its weights."""
        name = node.name
        for kind, values in arrays.items():
            # Channels before height and width, kernels of convolutions with the output first.
            turned = values.transpose(3, 2, 0, 1) if values.ndim == 4 else values
            self._constant(f"{name}/{kind}", turned.reshape(-1, 1, 1) if kind == "slope" else turned)
        weighted = inputs + [f"{name}/{kind}" for kind in ("kernel", "bias", *BATCH_NORM) if kind in arrays]
        match node.operation:
            case graph.Convolution(stride=stride, padding=padding):
                self._add("Conv", weighted, name, strides=[stride] * 2, pads=[padding] * 4)
            case graph.TransposedConvolution(kernel=kernel):
                # Of the kernel - 2 surplus rows TensorFlow takes the smaller half off the top.
                top, bottom = (kernel - 2) // 2, (kernel - 1) // 2
                self._add("ConvTranspose", weighted, name, strides=[2, 2], pads=[top, top, bottom, bottom])
            case graph.BatchNorm(epsilon=epsilon):
                self._add("BatchNormalization", weighted, name, epsilon=epsilon)
            case graph.Activation() as activation:
                self._activation(activation, name, inputs[0])
            case graph.Pool(kind, size, stride, padding):
                if padding:  # zeros; ONNX' own pads of a maximum count as minus infinity
                    sides = [0, 0, padding, padding]
                    pads = self._constant(f"{name}/pads", np.asarray(sides * 2, np.int64))
                    inputs = [self._add("Pad", [*inputs, pads], f"{name}/padded")]
                kinds = {"avg": "AveragePool", "max": "MaxPool"}
                self._add(kinds[kind], inputs, name, kernel_shape=[size] * 2, strides=[stride] * 2)
            case graph.SpaceToDepth(size):
                self._add("SpaceToDepth", inputs, name, blocksize=size)
            case graph.Crop():
                ends = self._constant(f"{name}/ends", np.asarray(node.shape[:2], np.int64))
                starts = self._constant(f"{name}/starts", np.zeros(2, np.int64))
                axes = self._constant(f"{name}/axes", np.asarray([2, 3], np.int64))
                self._add("Slice", [*inputs, starts, ends, axes], name)
            case graph.Dropout():
                self._add("Identity", inputs, name)
            case graph.Concatenate():
                self._add("Concat", inputs, name, axis=1)
            case graph.GlobalAverage():
                mean = self._add("GlobalAveragePool", inputs, f"{name}/mean")
                self._add("Flatten", [mean], name)
            case graph.Classifier():
                self._add("Gemm", weighted, name)
            case graph.Input():
                raise ValueError(f"a second input, {name}")
            case _:
                assert_never(node.operation)

    def _activation(self, activation: graph.Activation, name: str, features: str) -> None:
        match activation.kind:
            case "relu" | "elu" | "gelu" | "mish" as kind:
                self._add(kind.capitalize(), [features], name)
            case "leaky_relu":
                self._add("LeakyRelu", [features], name, alpha=activation.slope)
            case "prelu":
                self._add("PRelu", [features, f"{name}/slope"], name)
            case "silu":
                gate = self._add("Sigmoid", [features], f"{name}/gate")
                self._add("Mul", [features, gate], name)
            case _:
                assert_never(activation.kind)

    def graph(self, network: TrainedWeights) -> Any:  # noqa: ANN401  (an onnx.GraphProto)
        """The whole graph, with what goes in and the two outputs, the channels last."""
        first, *_, last = network.plan.nodes
        if len(last.shape) == 1:
            self._add("Identity", [last.name], "logits")
        else:
            self._add("Transpose", [last.name], "logits", perm=[0, 2, 3, 1])
        self._add("Softmax", ["logits"], "probabilities", axis=-1)
        kind = TensorProto.UINT8 if network.pixels == "uint8" else TensorProto.FLOAT
        images = helper.make_tensor_value_info("images", kind, ["batch", *first.shape])
        results = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *last.shape])
            for name in ("logits", "probabilities")
        ]
        return helper.make_graph(self._nodes, "network", [images], results, self._constants)
