"""An ONNX file trained further: it computes what ONNX Runtime computes, and only what is to be learned changes."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra train brings onnx")
torch = pytest.importorskip("torch", reason="the extra train brings torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from algorithms.training.graph import OPERATIONS, Graph, check_parity  # noqa: E402
from dicom_node.errors import ModelError  # noqa: E402

RNG = np.random.default_rng(0)


def constant(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(RNG.normal(0, 0.4, shape).astype(np.float32), name)


def integers(name: str, *values: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def model(nodes, initializers, outputs=("y",), size=8) -> bytes:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, size, size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "c", "h", "w"]) for name in outputs],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


def everything() -> bytes:
    """A graph with every operation that is known, one weight of it stored as float16."""
    node = helper.make_node
    half = numpy_helper.from_array(RNG.normal(0, 0.4, (4, 2, 3, 3)).astype(np.float16), "first.weight.half")
    nodes = [
        node("Cast", ["first.weight.half"], ["first.weight"], to=TensorProto.FLOAT),
        node("Conv", ["x", "first.weight", "first.bias"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("PRelu", ["a", "slope"], ["b"]),
        node("ConvTranspose", ["b", "up.weight"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2], output_padding=[1, 1]),
        node("Resize", ["b", "", "scales"], ["d"], mode="linear", coordinate_transformation_mode="half_pixel"),
        node("Concat", ["c", "d"], ["e"], axis=1),
        node("Relu", ["e"], ["f"]),
        node("ReduceMean", ["f", "axes"], ["mean"], keepdims=0),
        node("ReduceMax", ["f", "axes"], ["most"], keepdims=0),
        node("Mul", ["mean", "mean"], ["square"]),
        node("Sub", ["square", "mean"], ["less"]),
        node("Max", ["less", "floor"], ["kept"]),
        node("Sqrt", ["kept"], ["root"]),
        node("Add", ["root", "most"], ["sum"]),
        node("Gemm", ["sum", "turn.weight", "turn.bias"], ["turned"], transB=1),
        node("Sigmoid", ["turned"], ["weight"]),
        node("Unsqueeze", ["weight", "axes"], ["plane"]),
        node("Expand", ["plane", "shape"], ["wide"]),
        node("Mul", ["f", "wide"], ["y"]),
    ]
    initializers = [
        half,
        constant("first.bias", 4),
        constant("slope", 4, 1, 1),
        constant("up.weight", 4, 3, 3, 3),
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
        integers("axes", 2, 3),
        numpy_helper.from_array(np.array(1e-3, np.float32), "floor"),
        constant("turn.weight", 7, 7),
        constant("turn.bias", 7),
        integers("shape", 1, 7, 8, 8),
    ]
    return model(nodes, initializers)


def example() -> dict[str, torch.Tensor]:
    return {"x": torch.from_numpy(RNG.normal(0, 1, (3, 2, 8, 8)).astype(np.float32))}


def test_every_operation_computes_what_onnx_runtime_computes():
    content = everything()
    known = {node.op_type for node in onnx.load_from_string(content).graph.node}
    assert set(OPERATIONS) <= known
    check_parity(Graph(content), content, example())


def test_only_what_is_to_be_learned_changes_and_it_is_stored_as_it_was():
    content = everything()
    graph = Graph(content, lambda name: name.startswith("first."))
    optimiser = torch.optim.SGD(graph.parameters(), 0.1)
    graph(**example())["y"].square().mean().backward()
    optimiser.step()
    trained = graph.content()
    check_parity(Graph(trained), trained, example())
    before, after = (
        {tensor.name: tensor for tensor in onnx.load_from_string(each).graph.initializer} for each in (content, trained)
    )
    changed = {
        name
        for name in before
        if not np.array_equal(numpy_helper.to_array(before[name]), numpy_helper.to_array(after[name]))
    }
    assert changed == {"first.weight.half", "first.bias"}
    assert after["first.weight.half"].data_type == TensorProto.FLOAT16


def test_what_is_not_known_is_named():
    content = model([helper.make_node("Tanh", ["x"], ["y"])], [])
    with pytest.raises(ModelError, match="Tanh"):
        Graph(content)
    with pytest.raises(ModelError, match="no weight"):
        Graph(everything(), lambda name: False)
