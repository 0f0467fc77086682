"""An ONNX file as a torch module: its weights are parameters, and go back into the same file.

A model in use is an ONNX file and nothing else: what made it may be gone. So a candidate that starts from it starts
from the file: its graph is carried out node by node in torch, and after training only the values of weights are new.
What exporting has folded together (a normalisation into the convolution before it) stays folded, and so stays fixed in
its statistics. Weights stored as float16 are trained as float32 and stored as float16 again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from dicom_node.errors import ModelError

WEIGHTS_OF = {"Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (1, 2), "PRelu": (1,)}
"""Which inputs of a node are weights that can be learned."""
TOLERANCE = 1e-3
"""Of the largest output: how far torch may be from ONNX Runtime."""


class Graph(nn.Module):
    """The graph of an ONNX file.

    Args:
        content: the file.
        learns: name of a weight -> whether it is trained; the others stay as they are.

    Raises:
        ModelError: the file has an operation that is not known here, or no weight that is to be trained.
    """

    def __init__(self, content: bytes, learns: Callable[[str], bool] = lambda name: True) -> None:
        super().__init__()
        self._model = onnx.load_from_string(content)
        self._outputs = [output.name for output in self._model.graph.output]
        stored = {tensor.name: tensor for tensor in self._model.graph.initializer}
        self._stored_as: dict[str, str] = {}
        self._nodes = [node for node in self._model.graph.node if not self._is_storage(node, stored)]
        unknown = sorted({node.op_type for node in self._nodes} - set(OPERATIONS))
        if unknown:
            raise ModelError(f"a graph with the operations {', '.join(unknown)} cannot be trained further here")
        weights = {
            node.input[index]
            for node in self._nodes
            for index in WEIGHTS_OF.get(node.op_type, ())
            if index < len(node.input)
        }
        self._keys: dict[str, str] = {}
        for name in {**stored, **self._stored_as}:
            tensor = stored.get(self._stored_as.get(name, name))
            value = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            key = self._keys.setdefault(name, f"value_{len(self._keys)}")  # names have dots, which torch refuses
            if name in weights and learns(name):
                setattr(self, key, nn.Parameter(value.float()))
            else:
                self.register_buffer(key, value.float() if value.dtype == torch.float16 else value)
        if not list(self.parameters()):
            raise ModelError("no weight of the graph is to be trained")

    def _is_storage(self, node: onnx.NodeProto, stored: Mapping[str, TensorProto]) -> bool:
        """Whether the node only widens a stored weight."""
        if node.op_type == "Cast" and node.input[0] in stored:
            self._stored_as[node.output[0]] = node.input[0]
            return True
        return False

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Named inputs in, named outputs out."""
        values: dict[str, Tensor | None] = {"": None, **inputs}
        values |= {name: getattr(self, key) for name, key in self._keys.items()}
        for node in self._nodes:
            attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            values[node.output[0]] = OPERATIONS[node.op_type]([values[name] for name in node.input], attributes)
        return {name: values[name] for name in self._outputs}

    def content(self) -> bytes:
        """The file with the weights as they are now."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        for tensor in model.graph.initializer:
            trained = next((name for name, source in self._stored_as.items() if source == tensor.name), tensor.name)
            value = getattr(self, self._keys[trained])
            if isinstance(value, nn.Parameter):
                array = value.detach().cpu().numpy()
                if tensor.data_type == TensorProto.FLOAT16:
                    array = array.astype(np.float16)
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        onnx.checker.check_model(model)
        return model.SerializeToString(deterministic=True)


def check_parity(graph: Graph, content: bytes, examples: Mapping[str, Tensor]) -> None:
    """Whether the file computes in ONNX Runtime what the graph computes in torch. Raises ModelError if not."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = graph.cpu().eval()(**examples)
    found = session.run(list(wanted), {name: value.numpy() for name, value in examples.items()})
    for (name, right), ours in zip(wanted.items(), found, strict=True):
        difference, scale = np.abs(right.numpy() - ours).max(), np.abs(right.numpy()).max()
        if not difference <= TOLERANCE * max(float(scale), 1e-6):
            raise ModelError(f"output {name} differs by {difference:.3g} between torch and ONNX Runtime")


def _conv(inputs: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    x, weight, *bias = inputs
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    return functional.conv2d(
        functional.pad(x, (left, right, top, bottom)),
        weight,
        bias[0] if bias else None,
        stride=tuple(attributes.get("strides", (1, 1))),
        dilation=tuple(attributes.get("dilations", (1, 1))),
        groups=attributes.get("group", 1),
    )


def _conv_transpose(inputs: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    x, weight, *bias = inputs
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        raise ModelError("a transposed convolution with uneven padding cannot be trained further here")
    return functional.conv_transpose2d(
        x,
        weight,
        bias[0] if bias else None,
        stride=tuple(attributes.get("strides", (1, 1))),
        padding=(top, left),
        output_padding=tuple(attributes.get("output_padding", (0, 0))),
        dilation=tuple(attributes.get("dilations", (1, 1))),
        groups=attributes.get("group", 1),
    )


def _gemm(inputs: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    a, b, *c = inputs
    a = a.T if attributes.get("transA", 0) else a
    b = b.T if attributes.get("transB", 0) else b
    product = attributes.get("alpha", 1.0) * (a @ b)
    return product + attributes.get("beta", 1.0) * c[0] if c else product


def _reduce(how: Callable[..., Tensor]) -> Callable[[list[Tensor], Mapping[str, Any]], Tensor]:
    def reduce(inputs: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
        x, axes = inputs
        return how(x, dim=tuple(axes.tolist()), keepdim=bool(attributes.get("keepdims", 1)))

    return reduce


def _resize(inputs: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    scales = inputs[2]
    wanted = (b"linear", b"half_pixel")
    got = (attributes.get("mode", b"nearest"), attributes.get("coordinate_transformation_mode", b"half_pixel"))
    if got != wanted or scales is None:
        raise ModelError(f"a resize by {got} cannot be trained further here: only linear, half pixel, by scales")
    return functional.interpolate(
        inputs[0], scale_factor=scales.tolist()[2:], mode="bilinear", align_corners=False, recompute_scale_factor=False
    )


def _unsqueeze(inputs: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    x, axes = inputs
    rank = x.dim() + len(axes)
    for axis in sorted(int(axis) % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _expand(inputs: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    return inputs[0].expand(torch.broadcast_shapes(inputs[0].shape, tuple(inputs[1].tolist())))


def _prelu(inputs: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    x, slope = inputs
    return torch.where(x < 0, slope * x, x)


OPERATIONS: Mapping[str, Callable[[list[Tensor], Mapping[str, Any]], Tensor]] = {
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "Cast": lambda inputs, attributes: inputs[0].to(_TYPES[attributes["to"]]),
    "Concat": lambda inputs, attributes: torch.cat(inputs, dim=attributes["axis"]),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Expand": _expand,
    "Gemm": _gemm,
    "Max": lambda inputs, _: torch.maximum(inputs[0], inputs[1]),
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "PRelu": _prelu,
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "Relu": lambda inputs, _: functional.relu(inputs[0]),
    "Resize": _resize,
    "Sigmoid": lambda inputs, _: torch.sigmoid(inputs[0]),
    "Sqrt": lambda inputs, _: torch.sqrt(inputs[0]),
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
    "Unsqueeze": _unsqueeze,
}
"""Operation -> what it does with its inputs and attributes; those of one output that our networks are made of."""

_TYPES = {TensorProto.FLOAT: torch.float32, TensorProto.FLOAT16: torch.float16, TensorProto.INT64: torch.int64}
